// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

// OpenArena gives a slot that stands for an arena: handles to its parts are live as long as it is.
func OpenArena(tag uint32) Handle {
	s := near.Get().(*shard)
	defer near.Put(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hand(s.newSlot(0, classArena), 0, 0, tag)
}

// GrowArena counts bytes that an arena took from the backend. The arena calls it alone.
func GrowArena(h Handle, bytes uintptr) {
	s := near.Get().(*shard)
	defer near.Put(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	at(h.slot).size += bytes
	s.count(h.Tag(), Usage{Bytes: int64(bytes)})
}

// Part describes length elements at an address inside an arena.
func (h Handle) Part(address uintptr, length int) Handle {
	h.Addr = address
	h.meta = uint64(length)<<16 | h.meta&(MaxTags-1)
	return h
}

// Renew makes all parts stale and returns the arena's new handle; false if the arena had ended.
func Renew(h Handle) (Handle, bool) {
	slot := at(h.slot)
	if h.gen+2 < lastGen {
		renewed := slot.gen.CompareAndSwap(h.gen, h.gen+2)
		h.gen += 2
		return h, renewed
	}
	size := slot.size
	if !Free(h) {
		return h, false
	}
	h = OpenArena(h.Tag())
	GrowArena(h, size)
	return h, true
}

// InArena says whether the handle is a part of an arena, or one itself. A slot that once was an
// arena's can become a block's and the other way round; then the handle is stale anyway.
func (h Handle) InArena() bool { return at(h.slot).class == classArena }
