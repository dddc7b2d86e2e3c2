// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

import (
	"unsafe"

	"granary/bindings/go/internal/backend"
)

// AllocMany fills out with blocks of size bytes, described as length elements each: all, or none and
// false if there is no memory.
func AllocMany(out []Handle, size uintptr, length int, tag uint32, zero bool) bool {
	class := classOf(size)
	if class == classLarge || backend.Guarded {
		return allocLarge(out, size, length, tag, zero)
	}
	s := near.Get().(*shard)
	ok := s.allocMany(class, out, size, length, tag)
	near.Put(s)
	if ok && zero {
		for i := range out {
			clear(unsafe.Slice((*byte)(backend.Pointer(out[i].Addr)), size))
		}
	}
	return ok
}

func (s *shard) allocMany(class int, out []Handle, size uintptr, length int, tag uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if missing := len(out) - len(s.free[class]); missing > 0 {
		s.refill(class, max(missing, batchOf(class)))
		if len(s.free[class]) < len(out) {
			s.trim(class, batchOf(class))
			return false
		}
	}
	rest := len(s.free[class]) - len(out)
	for i, number := range s.free[class][rest:] {
		out[i] = s.hand(number, size, length, tag)
	}
	s.free[class] = s.free[class][:rest]
	return true
}

// allocLarge gives blocks that are not kept here: large ones, and all in guard mode. It asks the
// backend before it takes a lock: a large block may take its time.
func allocLarge(out []Handle, size uintptr, length int, tag uint32, zero bool) bool {
	var one [1]uintptr
	addresses := one[:]
	if len(out) != 1 {
		addresses = make([]uintptr, len(out))
	}
	if got := backend.AllocBatch(size, zero, addresses); got < len(out) {
		backend.FreeBatch(addresses[:got])
		return false
	}
	s := near.Get().(*shard)
	defer near.Put(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, address := range addresses {
		out[i] = s.hand(s.newSlot(address, classLarge), size, length, tag)
	}
	return true
}

// FreeMany ends the use of blocks. It stops at the first that is not in use or part of an arena, and
// returns its index, or -1 if there was none. Zero handles are passed over.
func FreeMany(handles []Handle) int {
	s := near.Get().(*shard)
	defer near.Put(s)
	s.mu.Lock()
	stopped, large := s.freeMany(handles)
	s.mu.Unlock()
	backend.FreeBatch(large)
	return stopped
}

// freeMany returns also the addresses of large blocks, for the backend.
func (s *shard) freeMany(handles []Handle) (stopped int, large []uintptr) {
	for i, h := range handles {
		if h.IsZero() {
			continue
		}
		slot := at(h.slot)
		if !h.Live() || h.InArena() || !slot.close(h.gen) {
			return i, large
		}
		if slot.class == classLarge {
			large = append(large, slot.addr)
		}
		s.take(h.slot, slot)
	}
	return -1, large
}
