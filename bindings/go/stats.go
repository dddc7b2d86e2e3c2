// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

// Stats is granary's state at one moment: of all that this process has from it, through this package
// and through C. Bytes unless said otherwise.
type Stats struct {
	Epoch          uint64 `json:"epoch"`     // counts the readings
	Allocated      uint64 `json:"allocated"` // live regions: small, large and huge
	SmallAllocated uint64 `json:"small_allocated"`
	LargeAllocated uint64 `json:"large_allocated"`
	HugeAllocated  uint64 `json:"huge_allocated"`
	Active         uint64 `json:"active"`        // pages with live or cached regions
	Resident       uint64 `json:"resident"`      // upper bound of physical memory
	Mapped         uint64 `json:"mapped"`        // active, dirty, muzzy and metadata pages
	Metadata       uint64 `json:"metadata"`      // descriptors
	Dirty          uint64 `json:"dirty"`         // unused, still in memory
	Muzzy          uint64 `json:"muzzy"`         // unused, given back lazily
	Retained       uint64 `json:"retained"`      // address space without memory
	Cached         uint64 `json:"cached"`        // freed regions in magazines
	ThreadCached   uint64 `json:"thread_cached"` // of these, in threads' hands
	RunBytes       uint64 `json:"run_bytes"`     // pages of runs, from which small regions come
	DirtyPurged    uint64 `json:"dirty_purged"`  // given back since the start
	MuzzyPurged    uint64 `json:"muzzy_purged"`
	LargeLive      uint64 `json:"large_live"` // regions
	HugeLive       uint64 `json:"huge_live"`  // regions
	Arenas         uint64 `json:"arenas"`
	Threads        uint64 `json:"threads"` // attached to arenas
}

// Unused returns the bytes of memory that hold nothing for the program: all that is resident but for
// live regions.
func (s Stats) Unused() uint64 { return s.Resident - min(s.Resident, s.Allocated) }

// Fragmentation returns the part of the active pages that is no live region, from 0 to 1.
func (s Stats) Fragmentation() float64 {
	if s.Active == 0 {
		return 0
	}
	return float64(s.Active-min(s.Active, s.Allocated)) / float64(s.Active)
}

// Supported says whether there is a granary in this build: whether it was built with cgo.
func Supported() bool { return supported }
