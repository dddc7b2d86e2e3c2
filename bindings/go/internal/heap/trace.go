// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

import (
	"runtime"
	"strings"
)

// modulePrefix is what the names of this module's functions begin with, but for its tests' and
// its examples'.
const modulePrefix = "granary/bindings/go."

// caller returns a program counter in the function outside this module that allocates.
func caller() uintptr {
	var counters [16]uintptr
	count := runtime.Callers(3, counters[:])
	frames := runtime.CallersFrames(counters[:count])
	for {
		frame, more := frames.Next()
		own := strings.HasPrefix(frame.Function, modulePrefix) || strings.Contains(frame.Function, "/go/internal/heap.")
		if !own || strings.HasSuffix(frame.File, "_test.go") {
			return frame.PC
		}
		if !more {
			return 0
		}
	}
}

// Allocation is a block in use.
type Allocation struct {
	Tag   uint32
	Bytes uintptr
	Site  uintptr // 0 if allocations were not traced then
}

// Allocations returns what is in use. Blocks that are allocated or freed meanwhile may be in it or not.
func Allocations() (list []Allocation) {
	for _, s := range shards {
		s.mu.Lock() // slots are opened and counted under their shard's lock
	}
	defer func() {
		for _, s := range shards {
			s.mu.Unlock()
		}
	}()
	for number, end := uint32(1), slotsInUse(); number < end; number++ {
		if slot := at(number); slot.gen.Load()&1 == 1 {
			list = append(list, Allocation{Tag: slot.tag, Bytes: slot.size, Site: slot.site})
		}
	}
	return list
}
