// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"fmt"
	"unsafe"

	"granary/bindings/go/internal/backend"
	"granary/bindings/go/internal/heap"
)

// Buf is a number of elements in memory of granary: a handle, which may be copied and compared. It
// holds no pointer. The zero Buf is empty, and freeing it does nothing.
//
// Several goroutines may use a Buf at the same time, but for Free and Resize, which end the use.
type Buf[T any] struct{ h heap.Handle }

// Bytes allocates n bytes. It panics if there is no memory; [TryBytes] does not.
func Bytes(n int, options ...Option) Buf[byte] { return Make[byte](n, options...) }

// TryBytes allocates n bytes or returns [ErrOutOfMemory].
func TryBytes(n int, options ...Option) (Buf[byte], error) { return TryMake[byte](n, options...) }

// Make allocates n elements, which are zero. It panics if there is no memory, if T holds Go pointers
// ([CheckType]), or if n is negative or absurd.
func Make[T any](n int, options ...Option) Buf[T] {
	option := merge(options)
	size := bytesOf[T](n)
	h, ok := heap.Alloc(size, n, option.tag, !option.dirty)
	if !ok {
		panic(noMemory(size, option.tag))
	}
	return Buf[T]{h}
}

// TryMake is [Make], but returns [ErrOutOfMemory] where there is no memory.
func TryMake[T any](n int, options ...Option) (Buf[T], error) {
	option := merge(options)
	size := bytesOf[T](n)
	h, ok := heap.Alloc(size, n, option.tag, !option.dirty)
	if !ok {
		return Buf[T]{}, noMemory(size, option.tag)
	}
	return Buf[T]{h}, nil
}

func noMemory(size uintptr, tag uint32) error {
	return fmt.Errorf("%w: %d bytes for tag %q", ErrOutOfMemory, size, heap.TagName(tag))
}

// MakeBatch fills bufs with allocations of n elements each, whose old values are overwritten. It
// allocates all or, if there is no memory, panics.
func MakeBatch[T any](bufs []Buf[T], n int, options ...Option) {
	option := merge(options)
	size := bytesOf[T](n)
	if len(bufs) > 0 && !heap.AllocMany(handlesOf(bufs), size, n, option.tag, !option.dirty) {
		panic(noMemory(size*uintptr(len(bufs)), option.tag))
	}
}

// FreeBatch frees all of bufs and makes them zero.
func FreeBatch[T any](bufs []Buf[T]) {
	handles := handlesOf(bufs)
	if wrong := heap.FreeMany(handles); wrong >= 0 {
		panic(freeMisuse(handles[wrong]))
	}
	clear(handles)
}

// handlesOf: a Buf is a Handle and nothing else.
func handlesOf[T any](bufs []Buf[T]) []heap.Handle {
	return unsafe.Slice((*heap.Handle)(unsafe.Pointer(unsafe.SliceData(bufs))), len(bufs))
}

// Slice returns the elements, which must not be used after Free. It panics if that has been called.
func (b Buf[T]) Slice() []T {
	if !b.h.Live() {
		if b.h.IsZero() {
			return nil
		}
		panic(misuse("use after free", b.h))
	}
	return unsafe.Slice((*T)(backend.Pointer(b.h.Addr)), b.h.Length())
}

// Len returns the number of elements.
func (b Buf[T]) Len() int { return b.h.Length() }

// Tag returns the name that it was allocated under.
func (b Buf[T]) Tag() string { return heap.TagName(b.h.Tag()) }

// Live says whether it is neither freed nor zero.
func (b Buf[T]) Live() bool { return b.h.Live() }

// Free gives the memory back. It panics if that was done before, and for memory of an Arena.
func (b Buf[T]) Free() { free(b.h) }

func free(h heap.Handle) {
	if h.IsZero() {
		return
	}
	if !h.Live() || h.InArena() || !heap.Free(h) {
		panic(freeMisuse(h))
	}
}

func freeMisuse(h heap.Handle) *Misuse {
	if h.Live() && h.InArena() {
		return misuse("free of a part of an arena", h)
	}
	return misuse("double free", h)
}

// Resize makes b n elements long, with what fits of the old ones and zeros behind, and the options'
// tag or else the old one. All copies of b are stale afterwards. It panics as Make and Slice do.
func (b *Buf[T]) Resize(n int, options ...Option) {
	option := merge(options)
	if !option.tagged && !b.h.IsZero() {
		option.tag = b.h.Tag()
	}
	old := b.Slice()
	grown := Make[T](n, Option{tag: option.tag, tagged: true, dirty: true})
	kept := copy(grown.Slice(), old)
	if !option.dirty {
		clear(grown.Slice()[kept:])
	}
	b.Free()
	*b = grown
}

// Ref is one T in memory of granary: a handle, as [Buf] is.
type Ref[T any] struct{ h heap.Handle }

// New allocates a T, which is zero. It panics as [Make] does.
func New[T any](options ...Option) Ref[T] { return Ref[T]{Make[T](1, options...).h} }

// Get returns the T, which must not be used after Free. It panics if that has been called, and for the
// zero Ref.
func (r Ref[T]) Get() *T {
	if !r.h.Live() {
		if r.h.IsZero() {
			panic(&Misuse{What: "use of a zero Ref"})
		}
		panic(misuse("use after free", r.h))
	}
	return (*T)(backend.Pointer(r.h.Addr))
}

// Tag returns the name that it was allocated under.
func (r Ref[T]) Tag() string { return heap.TagName(r.h.Tag()) }

// Live says whether it is neither freed nor zero.
func (r Ref[T]) Live() bool { return r.h.Live() }

// Free gives the memory back. It panics if that was done before, and for memory of an Arena.
func (r Ref[T]) Free() { free(r.h) }
