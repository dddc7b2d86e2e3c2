// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Role        Between the handles of package granary and the backend: keeps blocks at hand, so that
//             one cgo call serves a batch of allocations.
// Owns        shards of free blocks, slots (one for each block), tags.
// Invariants  S1   in slot.go.
//             H1   a block is in use (its slot open), or free in exactly one shard, or the backend's.
//             H2   sums over the shards are right; a single shard's may be negative, since a block is
//                  freed into the shard of who frees it.
// Locking     a shard's lock; under it the backend is called, and growLock is taken. Of several
//             shards' only in their order.
// Cost        a hit: a lock that is nearly always free, a slot, and clearing the memory.

// Package heap gives out numbered blocks, knows which are in use, and counts them by tag.
package heap

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"granary/bindings/go/internal/backend"
)

// Handle names one block, or a part of an Arena's memory. It holds no pointer, so that collections of
// handles are nothing the garbage collector looks into. The zero Handle names nothing.
type Handle struct {
	Addr uintptr
	meta uint64 // length in elements << 16 | tag
	slot uint32
	gen  uint32
}

// MaxLength is the largest number of elements.
const MaxLength = 1<<47 - 1

// Length returns the number of elements.
func (h Handle) Length() int { return int(h.meta >> 16) }

// Tag returns the number of the tag.
func (h Handle) Tag() uint32 { return uint32(h.meta & (MaxTags - 1)) }

// IsZero says whether this is the zero Handle.
func (h Handle) IsZero() bool { return h.slot == 0 }

// Live says whether the block is in use. False for the zero Handle.
func (h Handle) Live() bool { return h.slot != 0 && at(h.slot).gen.Load() == h.gen }

type shard struct {
	mu    sync.Mutex
	free  [classCount][]uint32 // numbers of slots with a block
	spare []uint32             // numbers of slots without
	usage []Usage              // by tag
	_     [64]byte             // a line of its own
}

var (
	shards = makeShards()
	turn   atomic.Uint32
	// near has a shard for each P, more or less: it forgets, and then another one will do.
	near = sync.Pool{New: func() any { return shards[int(turn.Add(1))%len(shards)] }}
	// tracing makes allocations note who asked.
	tracing atomic.Bool
)

func makeShards() []*shard {
	list := make([]*shard, min(64, max(4, runtime.NumCPU())))
	for i := range list {
		list[i] = new(shard)
	}
	return list
}

// Trace makes allocations from now on note their caller, or not, and returns what was set before.
func Trace(on bool) bool { return tracing.Swap(on) }

// Alloc gives a block of size bytes, described as length elements. False if there is no memory.
func Alloc(size uintptr, length int, tag uint32, zero bool) (Handle, bool) {
	class := classOf(size)
	if class == classLarge || backend.Guarded {
		var out [1]Handle
		ok := allocLarge(out[:], size, length, tag, zero)
		return out[0], ok
	}
	s := near.Get().(*shard)
	handle, ok := s.alloc(class, size, length, tag)
	near.Put(s)
	if ok && zero {
		clear(unsafe.Slice((*byte)(backend.Pointer(handle.Addr)), size))
	}
	return handle, ok
}

func (s *shard) alloc(class int, size uintptr, length int, tag uint32) (Handle, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free[class]) == 0 && !s.refill(class, batchOf(class)) {
		return Handle{}, false
	}
	last := len(s.free[class]) - 1
	number := s.free[class][last]
	s.free[class] = s.free[class][:last]
	return s.hand(number, size, length, tag), true
}

// hand opens the slot and counts.
func (s *shard) hand(number uint32, size uintptr, length int, tag uint32) Handle {
	s.count(tag, Usage{Objects: 1, Bytes: int64(size), Allocations: 1})
	slot := at(number)
	var site uintptr
	if tracing.Load() {
		site = caller()
	}
	gen := slot.open(tag, size, site)
	return Handle{Addr: slot.addr, meta: uint64(length)<<16 | uint64(tag), slot: number, gen: gen}
}

func (s *shard) count(tag uint32, delta Usage) {
	if int(tag) >= len(s.usage) {
		s.usage = append(s.usage, make([]Usage, int(tag)+1-len(s.usage))...)
	}
	s.usage[tag].add(delta)
}

// refill fetches count blocks of the class; false if there was not even one.
func (s *shard) refill(class, count int) bool {
	addresses := make([]uintptr, 64)
	for count > 0 {
		got := backend.AllocBatch(classSizes[class], false, addresses[:min(count, len(addresses))])
		for _, address := range addresses[:got] {
			s.free[class] = append(s.free[class], s.newSlot(address, class))
		}
		if got == 0 {
			break
		}
		count -= got
	}
	return len(s.free[class]) > 0
}

func (s *shard) newSlot(address uintptr, class int) uint32 {
	if len(s.spare) == 0 {
		var fresh [64]uint32
		newSlots(fresh[:])
		s.spare = append(s.spare, fresh[:]...)
	}
	number := s.spare[len(s.spare)-1]
	s.spare = s.spare[:len(s.spare)-1]
	slot := at(number)
	slot.addr, slot.class = address, uint32(class)
	return number
}

// Free ends the use of a block; false if it had ended before.
func Free(h Handle) bool {
	slot := at(h.slot)
	if !slot.close(h.gen) {
		return false
	}
	if slot.class == classLarge {
		backend.FreeBatch([]uintptr{slot.addr}) // not under a lock: it may take its time
	}
	s := near.Get().(*shard)
	s.mu.Lock()
	s.take(h.slot, slot)
	s.mu.Unlock()
	near.Put(s)
	return true
}

// take puts a block that is no longer in use among the free ones; of large blocks and arenas the slot.
func (s *shard) take(number uint32, slot *slot) {
	s.count(slot.tag, Usage{Objects: -1, Bytes: -int64(slot.size)})
	if slot.class >= classLarge {
		s.retire(number, slot)
		return
	}
	if !slot.usable() {
		s.giveBack([]uint32{number})
		return
	}
	class := int(slot.class)
	s.free[class] = append(s.free[class], number)
	if batch := batchOf(class); len(s.free[class]) >= 2*batch {
		s.trim(class, batch)
	}
}

// trim gives all but keep free blocks of the class back, those that have waited longest.
func (s *shard) trim(class, keep int) {
	list := s.free[class]
	excess := len(list) - keep
	if excess <= 0 {
		return
	}
	s.giveBack(list[:excess])
	s.free[class] = list[:copy(list, list[excess:])]
}

// retire parts a slot from its block.
func (s *shard) retire(number uint32, slot *slot) {
	slot.addr = 0
	if slot.usable() {
		s.spare = append(s.spare, number)
	}
}

// giveBack gives the blocks of free slots to the backend.
func (s *shard) giveBack(numbers []uint32) {
	addresses := make([]uintptr, 0, 64)
	for _, number := range numbers {
		slot := at(number)
		addresses = append(addresses, slot.addr)
		s.retire(number, slot)
		if len(addresses) == cap(addresses) {
			backend.FreeBatch(addresses)
			addresses = addresses[:0]
		}
	}
	backend.FreeBatch(addresses)
}

// Flush gives the backend all free blocks.
func Flush() {
	for _, s := range shards {
		s.mu.Lock()
		for class := range s.free {
			s.trim(class, 0)
		}
		s.mu.Unlock()
	}
}

// Kept returns the bytes of free blocks.
func Kept() (bytes int64) {
	for _, s := range shards {
		s.mu.Lock()
		for class := range s.free {
			bytes += int64(len(s.free[class])) * int64(classSizes[class])
		}
		s.mu.Unlock()
	}
	return bytes
}
