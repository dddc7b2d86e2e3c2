// SPDX-License-Identifier: Apache-2.0 OR MIT

// Package metrics shows both heaps of a program together: as a value, by expvar, and over HTTP. For
// Prometheus there is a module of its own, granary/bindings/go/prom.
package metrics

import (
	"errors"
	"expvar"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"

	granary "granary/bindings/go"
)

// GoHeap is the memory of the Go runtime, in bytes.
type GoHeap struct {
	Total    uint64 `json:"total"`    // from the system, but for what was given back
	Objects  uint64 `json:"objects"`  // live, and dead but not swept
	Unused   uint64 `json:"unused"`   // of spans, and free
	Stacks   uint64 `json:"stacks"`   // of goroutines and the system's threads
	Released uint64 `json:"released"` // given back
	Limit    uint64 `json:"limit"`    // the Go memory limit now
}

// Snapshot is the memory of a program at one moment, more or less.
type Snapshot struct {
	// Resident is the physical memory of the process, 0 where the system does not tell.
	Resident uint64 `json:"resident"`
	Go       GoHeap `json:"go"`
	// Granary is nil in a build without it.
	Granary *granary.Stats `json:"granary"`
	// Other is what is left of Resident: code, C's memory that is not granary's, mapped files. Both
	// heaps count address space that was never touched, so it may come out as 0.
	Other uint64             `json:"other"`
	Tags  []granary.TagUsage `json:"tags"`
}

// Read takes a snapshot.
func Read() (Snapshot, error) {
	s := Snapshot{Resident: resident(), Go: goHeap(), Tags: granary.Usage()}
	stats, err := granary.ReadStats()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		return s, err
	default:
		s.Granary = &stats
	}
	heaps := s.Go.Total
	if s.Granary != nil {
		heaps += s.Granary.Resident
	}
	s.Other = s.Resident - min(s.Resident, heaps)
	return s, nil
}

func goHeap() GoHeap {
	names := []string{
		"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/heap/objects:bytes",
		"/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes", "/memory/classes/heap/stacks:bytes",
		"/memory/classes/os-stacks:bytes", "/gc/gomemlimit:bytes",
	}
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // this Go does not have it
		}
		return samples[i].Value.Uint64()
	}
	return GoHeap{
		Total: value(0) - value(1), Released: value(1), Objects: value(2), Unused: value(3) + value(4),
		Stacks: value(5) + value(6), Limit: value(7),
	}
}

func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	if fields := strings.Fields(string(text)); len(fields) > 1 {
		pages, _ := strconv.ParseUint(fields[1], 10, 64)
		return pages * uint64(os.Getpagesize())
	}
	return 0
}

// String writes the snapshot as a table for people.
func (s Snapshot) String() string {
	var b strings.Builder
	row := func(indent, name string, bytes uint64) {
		fmt.Fprintf(&b, "%s%-*s %12.1f MiB\n", indent, 24-len(indent), name, float64(bytes)/(1<<20))
	}
	row("", "resident", s.Resident)
	row("  ", "Go", s.Go.Total)
	row("    ", "objects", s.Go.Objects)
	row("    ", "unused", s.Go.Unused)
	row("    ", "stacks", s.Go.Stacks)
	if s.Granary != nil {
		row("  ", "granary", s.Granary.Resident)
		row("    ", "allocated", s.Granary.Allocated)
		row("    ", "cached", s.Granary.Cached)
		row("    ", "dirty", s.Granary.Dirty)
		row("    ", "metadata", s.Granary.Metadata)
	}
	row("  ", "other", s.Other)
	if len(s.Tags) > 0 {
		b.WriteString("\ntags\n")
	}
	for _, tag := range s.Tags {
		name := tag.Tag
		if name == "" {
			name = "(untagged)"
		}
		fmt.Fprintf(&b, "  %-22s %12.1f MiB in %d objects, %d allocations so far\n",
			name, float64(tag.Bytes)/(1<<20), tag.Objects, tag.Allocations)
	}
	return b.String()
}

// Publish makes snapshots a variable of package expvar. As expvar.Publish it panics if the name is
// taken.
func Publish(name string) {
	expvar.Publish(name, expvar.Func(func() any {
		snapshot, err := Read()
		if err != nil {
			return map[string]string{"error": err.Error()}
		}
		return snapshot
	}))
}
