// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

import (
	"sync"
	"sync/atomic"
)

const (
	// MaxTags is how many names there may be; a handle has 16 bits for the number.
	MaxTags = 1 << 16
	// Untagged is the number of the tag without a name.
	Untagged = 0
)

var tags = struct {
	sync.Mutex
	numbers sync.Map // string → uint32
	names   atomic.Pointer[[]string]
}{}

func init() { TagNumber("") }

// TagNumber returns the number of a tag, a new one for a new name; false if there are too many.
func TagNumber(name string) (uint32, bool) {
	if number, found := tags.numbers.Load(name); found {
		return number.(uint32), true
	}
	tags.Lock()
	defer tags.Unlock()
	if number, found := tags.numbers.Load(name); found {
		return number.(uint32), true
	}
	names := TagNames()
	if len(names) == MaxTags {
		return Untagged, false
	}
	grown := append(names[:len(names):len(names)], name)
	tags.names.Store(&grown)
	tags.numbers.Store(name, uint32(len(names)))
	return uint32(len(names)), true
}

// TagNames returns all names; a tag's number is its index.
func TagNames() []string {
	if names := tags.names.Load(); names != nil {
		return *names
	}
	return nil
}

// TagName returns the name of a number that TagNumber gave.
func TagName(number uint32) string { return TagNames()[number] }

// Usage is what is in use of one tag, and how much there has been.
type Usage struct {
	Objects, Bytes, Allocations int64
}

func (u *Usage) add(other Usage) {
	u.Objects += other.Objects
	u.Bytes += other.Bytes
	u.Allocations += other.Allocations
}

// Usages returns the usage by tag number. Each shard is read at its own moment.
func Usages() []Usage {
	sums := make([]Usage, len(TagNames()))
	for _, s := range shards {
		s.mu.Lock()
		for tag := range s.usage {
			if tag < len(sums) {
				sums[tag].add(s.usage[tag])
			}
		}
		s.mu.Unlock()
	}
	return sums
}
