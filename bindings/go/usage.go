// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"fmt"
	"io"
	"runtime"
	"sort"

	"granary/bindings/go/internal/heap"
)

// TagUsage is what is in use under a tag: by this package, in bytes that were asked for (of arenas: in
// chunks).
type TagUsage struct {
	Tag         string `json:"tag"`
	Objects     int64  `json:"objects"`
	Bytes       int64  `json:"bytes"`
	Allocations int64  `json:"allocations"` // since the start of the process
}

// Usage returns the use of every tag under which anything was ever allocated, in the order of their
// bytes, largest first.
func Usage() []TagUsage {
	var list []TagUsage
	names := heap.TagNames()
	for tag, usage := range heap.Usages() {
		if usage.Allocations > 0 {
			list = append(list, TagUsage{names[tag], usage.Objects, usage.Bytes, usage.Allocations})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Bytes != list[j].Bytes {
			return list[i].Bytes > list[j].Bytes
		}
		return list[i].Tag < list[j].Tag
	})
	return list
}

// InUse returns the bytes and objects in use by this package, under all tags.
func InUse() (bytes, objects int64) {
	for _, usage := range heap.Usages() {
		bytes += usage.Bytes
		objects += usage.Objects
	}
	return bytes, objects
}

// Trace makes every allocation from now on note where it was asked for, or not, and returns what was
// set before. It takes about a microsecond each.
func Trace(on bool) bool { return heap.Trace(on) }

// Site is a place in the program that has allocated what is in use.
type Site struct {
	Tag     string
	Place   string // file:line of the caller; empty for what was allocated without Trace
	Objects int64
	Bytes   int64
}

// Sites returns what is in use by tag and place, largest first. It walks over every allocation.
func Sites() []Site {
	type key struct {
		tag  uint32
		site uintptr
	}
	sums := map[key]*Site{}
	for _, allocation := range heap.Allocations() {
		k := key{allocation.Tag, allocation.Site}
		if sums[k] == nil {
			sums[k] = &Site{Tag: heap.TagName(k.tag), Place: placeOf(k.site)}
		}
		sums[k].Objects++
		sums[k].Bytes += int64(allocation.Bytes)
	}
	list := make([]Site, 0, len(sums))
	for _, site := range sums {
		list = append(list, *site)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.Bytes != b.Bytes {
			return a.Bytes > b.Bytes
		}
		return a.Tag+a.Place < b.Tag+b.Place
	})
	return list
}

func placeOf(site uintptr) string {
	if site == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames([]uintptr{site + 1}).Next() // it steps back from a return address
	return fmt.Sprintf("%s:%d", frame.File, frame.Line)
}

// WriteLeaks writes a line for each tag that has something in use, and with [Trace] for each place.
func WriteLeaks(w io.Writer) error {
	for _, site := range Sites() {
		tag := site.Tag
		if tag == "" {
			tag = "(untagged)"
		}
		place := site.Place
		if place != "" {
			place = " from " + place
		}
		if _, err := fmt.Fprintf(w, "%s: %d bytes in %d objects%s\n", tag, site.Bytes, site.Objects, place); err != nil {
			return err
		}
	}
	return nil
}
