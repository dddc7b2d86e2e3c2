// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary_test

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	granary "granary/bindings/go"
)

func TestArenaPartsAreApartAlignedAndZero(t *testing.T) {
	defer verifyNone(t)
	a := granary.NewArena(granary.Tag("request"))
	for round := 0; round < 3; round++ {
		type part struct{ begin, end uintptr }
		var parts []part
		add := func(pointer unsafe.Pointer, size, align uintptr) {
			if uintptr(pointer)%align != 0 {
				t.Fatalf("%p is not aligned to %d", pointer, align)
			}
			for _, b := range unsafe.Slice((*byte)(pointer), size) {
				if b != 0 {
					t.Fatal("not zero")
				}
			}
			for i := range unsafe.Slice((*byte)(pointer), size) {
				unsafe.Slice((*byte)(pointer), size)[i] = 0xff
			}
			for _, p := range parts {
				if uintptr(pointer) < p.end && p.begin < uintptr(pointer)+size {
					t.Fatal("two parts overlap")
				}
			}
			parts = append(parts, part{uintptr(pointer), uintptr(pointer) + size})
		}
		for i := 1; i < 300; i++ {
			add(unsafe.Pointer(&a.Bytes(i).Slice()[0]), uintptr(i), 1)
			add(unsafe.Pointer(granary.ArenaNew[uint64](a).Get()), 8, 8)
			add(unsafe.Pointer(&granary.ArenaMake[uint32](a, i*3).Slice()[0]), uintptr(i)*12, 4)
		}
		add(unsafe.Pointer(&a.Bytes(5 << 20).Slice()[0]), 5<<20, 1)
		size := a.Size()
		a.Reset()
		if a.Size() != size {
			t.Error("Reset gives memory back")
		}
	}
	a.Free()
}

func TestArenaEndsAllItsPartsAtOnce(t *testing.T) {
	defer verifyNone(t)
	a := granary.NewArena(granary.Tag("request"))
	b, r := a.Bytes(100), granary.ArenaNew[vector](a)
	r.Get().X = 1
	wantMisuse(t, "free of a part of an arena", "request", b.Free)
	wantMisuse(t, "free of a part of an arena", "request", r.Free)
	wantMisuse(t, "free of a part of an arena", "request", func() { granary.FreeBatch([]granary.Buf[byte]{b}) })
	a.Reset()
	wantMisuse(t, "use after free", "request", func() { b.Slice() })
	wantMisuse(t, "use after free", "request", func() { r.Get() })
	fresh := a.Bytes(100)
	fresh.Slice()[0] = 1
	a.Free()
	wantMisuse(t, "use after free", "request", func() { fresh.Slice() })
	wantMisuse(t, "use after free", "request", func() { a.Bytes(1) })
	wantMisuse(t, "double free", "request", a.Free)
	wantMisuse(t, "reset after free", "request", a.Reset)
}

func TestArenaRefusesPointers(t *testing.T) {
	a := granary.NewArena()
	defer a.Free()
	panicOf(t, func() { granary.ArenaNew[*int](a) })
	panicOf(t, func() { granary.ArenaMake[int](a, -1) })
}

func TestArenaIsCountedUnderItsTag(t *testing.T) {
	a := granary.NewArena(granary.Tag("counted arena"), granary.Uninitialized)
	a.Bytes(1 << 20)
	for _, usage := range granary.Usage() {
		if usage.Tag == "counted arena" && (usage.Objects != 1 || usage.Bytes != int64(a.Size()) || usage.Bytes < 1<<20) {
			t.Errorf("usage is %v, size %d", usage, a.Size())
		}
	}
	a.Free()
	verifyNone(t)
}

func TestDroppedArenasAreReportedNotFreed(t *testing.T) {
	leaks := make(chan granary.Leak, 1)
	granary.OnLeak(func(leak granary.Leak) { leaks <- leak })
	defer granary.OnLeak(nil)
	part := func() granary.Buf[byte] {
		a := granary.NewArena(granary.Tag("dropped"))
		return a.Bytes(10)
	}()
	deadline := time.After(20 * time.Second)
	for {
		runtime.GC()
		select {
		case leak := <-leaks:
			if leak.Tag != "dropped" || leak.Bytes < 10 {
				t.Errorf("the leak is %v", leak)
			}
			if len(part.Slice()) != 10 {
				t.Error("the memory is gone")
			}
			return
		case <-deadline:
			t.Fatal("no report")
		default:
			runtime.Gosched()
		}
	}
}
