// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

import (
	"sync"
	"sync/atomic"
)

// slot says what became of one block. Slots are numbered and live for ever; a block that is freed and
// used again keeps its slot.
//
// S1: gen is odd while the block is in use and even otherwise, and only grows: a handle with another
// gen is stale. Whoever has moved gen from even to odd owns the rest until he has moved it on.
type slot struct {
	gen   atomic.Uint32
	tag   uint32
	class uint32
	addr  uintptr
	size  uintptr // asked for
	site  uintptr // program counter of the caller, while allocations are traced
}

const (
	chunkBits = 14
	chunkSize = 1 << chunkBits
	maxChunks = 1 << 15
	// lastGen is where a slot ends: the next generation would be one of the past.
	lastGen = 1<<32 - 2
)

var (
	chunks   [maxChunks]atomic.Pointer[[chunkSize]slot]
	growLock sync.Mutex
	grown    = uint32(1) // next number never used; number 0 is the zero handle's
)

// at returns the slot of a number that was given out.
func at(number uint32) *slot {
	return &chunks[number>>chunkBits].Load()[number&(chunkSize-1)]
}

// newSlots fills out with fresh numbers.
func newSlots(out []uint32) {
	growLock.Lock()
	defer growLock.Unlock()
	for i := range out {
		if grown>>chunkBits >= maxChunks {
			panic("granary: more than 2^29 allocations at a time")
		}
		if chunk := &chunks[grown>>chunkBits]; chunk.Load() == nil {
			chunk.Store(new([chunkSize]slot))
		}
		out[i] = grown
		grown++
	}
}

// slotsInUse returns how many numbers were given out, for a walk over all of them.
func slotsInUse() uint32 {
	growLock.Lock()
	defer growLock.Unlock()
	return grown
}

// open begins a use of the slot and returns its generation.
func (s *slot) open(tag uint32, size, site uintptr) uint32 {
	s.tag, s.size, s.site = tag, size, site
	return s.gen.Add(1)
}

// close ends the use of that generation; false if it had ended before.
func (s *slot) close(gen uint32) bool { return s.gen.CompareAndSwap(gen, gen+1) }

// usable says whether the slot has generations left.
func (s *slot) usable() bool { return s.gen.Load() < lastGen }
