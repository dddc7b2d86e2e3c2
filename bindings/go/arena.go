// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"runtime"
	"sync/atomic"

	"granary/bindings/go/internal/backend"
	"granary/bindings/go/internal/heap"
	"unsafe"
)

const (
	firstChunk = 16 << 10
	lastChunk  = 1 << 20
)

// Arena gives out memory that is freed all at once. Handles to its parts are stale after that, and
// panic. It is for one goroutine at a time.
type Arena struct {
	h      heap.Handle
	chunks []chunk
	filled int // chunks before this one have no room
	option Option
}

// chunk is a block of the backend and how much of it is given out.
type chunk struct{ begin, size, used uintptr }

// NewArena makes an empty arena. An option that says [Uninitialized] is for all of its memory.
//
// An Arena that is dropped without Free keeps its memory. It is reported then, see [OnLeak].
func NewArena(options ...Option) *Arena {
	a := &Arena{option: merge(options)}
	a.h = heap.OpenArena(a.option.tag)
	runtime.SetFinalizer(a, (*Arena).leaked)
	return a
}

// ArenaMake gives n elements out of the arena, which are zero. It panics as [Make] does, and if the
// arena has been freed.
func ArenaMake[T any](a *Arena, n int) Buf[T] {
	size := bytesOf[T](n)
	var element T
	return Buf[T]{a.h.Part(a.take(size, unsafe.Alignof(element)), n)}
}

// ArenaNew gives a T out of the arena, which is zero. It panics as [ArenaMake] does.
func ArenaNew[T any](a *Arena) Ref[T] { return Ref[T]{ArenaMake[T](a, 1).h} }

// Bytes gives n bytes out of the arena.
func (a *Arena) Bytes(n int) Buf[byte] { return ArenaMake[byte](a, n) }

// Size returns the bytes that the arena has taken from granary.
func (a *Arena) Size() (bytes int) {
	for _, c := range a.chunks {
		bytes += int(c.size)
	}
	return bytes
}

// Reset makes all parts stale, but keeps the memory for new ones.
func (a *Arena) Reset() {
	renewed, ok := heap.Renew(a.h)
	if !ok {
		panic(misuse("reset after free", a.h))
	}
	a.h = renewed
	for i := range a.chunks {
		a.chunks[i].used = 0
	}
	a.filled = 0
}

// Free gives all memory back. It panics if that was done before.
func (a *Arena) Free() {
	if !heap.Free(a.h) {
		panic(misuse("double free", a.h))
	}
	runtime.SetFinalizer(a, nil)
	addresses := make([]uintptr, len(a.chunks))
	for i, c := range a.chunks {
		addresses[i] = c.begin
	}
	backend.FreeBatch(addresses)
	a.chunks = nil
	a.filled = 0
}

// take returns the address of size bytes. No bytes have an address too.
func (a *Arena) take(size, align uintptr) uintptr {
	if !a.h.Live() {
		panic(misuse("use after free", a.h))
	}
	size = max(size, 1)
	for ; a.filled < len(a.chunks); a.filled++ {
		if address, ok := a.chunks[a.filled].take(size, align); ok {
			a.zero(address, size)
			return address
		}
	}
	a.grow(size)
	address, _ := a.chunks[a.filled].take(size, align)
	a.zero(address, size)
	return address
}

func (c *chunk) take(size, align uintptr) (uintptr, bool) {
	from := (c.used + align - 1) &^ (align - 1) // chunks begin aligned (BE1)
	if from > c.size || c.size-from < size {
		return 0, false
	}
	c.used = from + size
	return c.begin + from, true
}

func (a *Arena) zero(address, size uintptr) {
	if !a.option.dirty {
		clear(unsafe.Slice((*byte)(backend.Pointer(address)), size))
	}
}

// grow adds a chunk of at least size bytes, the last one; chunks double up to a limit.
func (a *Arena) grow(size uintptr) {
	next := max(size, min(uintptr(lastChunk), firstChunk<<min(len(a.chunks), 8)))
	var address [1]uintptr
	if backend.AllocBatch(next, false, address[:]) == 0 {
		panic(noMemory(next, a.option.tag))
	}
	heap.GrowArena(a.h, next)
	a.chunks = append(a.chunks, chunk{begin: address[0], size: next})
	a.filled = len(a.chunks) - 1
}

// onLeak is called by a goroutine of the runtime.
var onLeak atomic.Pointer[func(Leak)]

// Leak is an arena that the program dropped without freeing it.
type Leak struct {
	Tag   string
	Bytes int
}

// OnLeak sets what is called for every [Arena] that is garbage but was not freed, nil for nothing. Its
// memory stays allocated: to free what a forgotten slice may still point to would be worse than to
// lose it.
func OnLeak(report func(Leak)) {
	if report == nil {
		onLeak.Store(nil)
		return
	}
	onLeak.Store(&report)
}

func (a *Arena) leaked() {
	if report := onLeak.Load(); report != nil {
		(*report)(Leak{Tag: heap.TagName(a.h.Tag()), Bytes: a.Size()})
	}
}
