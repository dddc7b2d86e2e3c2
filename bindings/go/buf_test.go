// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"unsafe"

	granary "granary/bindings/go"
	"granary/bindings/go/granarytest"
)

// panicOf runs f, which must panic, and returns the value.
func panicOf(t *testing.T, f func()) (value any) {
	t.Helper()
	defer func() {
		t.Helper()
		if value = recover(); value == nil {
			t.Fatal("no panic")
		}
	}()
	f()
	return nil
}

// wantMisuse runs f, which must panic as a misuse of that kind under that tag.
func wantMisuse(t *testing.T, what, tag string, f func()) {
	t.Helper()
	misuse, ok := panicOf(t, f).(*granary.Misuse)
	if !ok || misuse.What != what || misuse.Tag != tag {
		t.Errorf("the panic is %#v, wanted %q of %q", misuse, what, tag)
	}
	if !strings.Contains(misuse.Error(), tag) {
		t.Errorf("the message %q does not name the tag %q", misuse.Error(), tag)
	}
}

// verifyNone fails the test if anything is in use, but for what TestDroppedArenasAreReportedNotFreed
// leaves behind on purpose.
func verifyNone(t *testing.T) {
	t.Helper()
	granarytest.VerifyNone(t, granarytest.Ignore("dropped"))
}

type vector struct {
	X, Y, Z float64
	ID      uint32
	Flags   [3]bool
}

func TestMakeGivesZeroedElementsOfEverySize(t *testing.T) {
	defer verifyNone(t)
	for round := 0; round < 3; round++ { // later rounds get memory that was used
		for _, n := range []int{0, 1, 2, 7, 8, 9, 63, 64, 65, 100, 1000, 4095, 32768, 32769, 100000, 3 << 20} {
			b := granary.Bytes(n, granary.Tag("sizes"))
			s := b.Slice()
			if len(s) != n || cap(s) != n || b.Len() != n {
				t.Fatalf("Bytes(%d) has %d bytes and room for %d", n, len(s), cap(s))
			}
			for i := range s {
				if s[i] != 0 {
					t.Fatalf("Bytes(%d): byte %d is %d", n, i, s[i])
				}
				s[i] = 0xa5
			}
			b.Free()
		}
	}
}

func TestTypedBuffersAreAlignedAndKeepTheirValues(t *testing.T) {
	defer verifyNone(t)
	bufs := make([]granary.Buf[vector], 500)
	granary.MakeBatch(bufs, 3, granary.Tag("vectors"))
	for i, b := range bufs {
		s := b.Slice()
		if uintptr(unsafe.Pointer(&s[0]))%unsafe.Alignof(s[0]) != 0 {
			t.Fatalf("%p is not aligned", &s[0])
		}
		for j := range s {
			if s[j] != (vector{}) {
				t.Fatalf("element %d of %d is %v", j, i, s[j])
			}
			s[j] = vector{X: float64(i), Z: float64(j), ID: uint32(i), Flags: [3]bool{true, false, true}}
		}
	}
	for i, b := range bufs {
		for j, v := range b.Slice() {
			if v.X != float64(i) || v.Z != float64(j) || v.ID != uint32(i) {
				t.Fatalf("element %d of %d is %v", j, i, v)
			}
		}
	}
	granary.FreeBatch(bufs)
	if bufs[0].Live() || bufs[499].Slice() != nil {
		t.Error("FreeBatch left something")
	}
	granary.FreeBatch(bufs) // all zero by now
}

func TestBatchesOfLargeBlocksAreZeroAndFreed(t *testing.T) {
	defer verifyNone(t)
	bufs := make([]granary.Buf[byte], 20)
	for round := 0; round < 3; round++ {
		granary.MakeBatch(bufs, 100<<10)
		for _, b := range bufs {
			for _, v := range b.Slice() {
				if v != 0 {
					t.Fatal("a byte is not zero")
				}
			}
			b.Slice()[50000] = 1
		}
		granary.FreeBatch(bufs)
	}
}

func TestFreedMemoryPanicsWithTheTagItHad(t *testing.T) {
	defer verifyNone(t)
	for _, n := range []int{10, 100_000} {
		b := granary.Make[uint16](n, granary.Tag("sessions"))
		b.Free()
		// Others take the block, under other tags.
		others := make([]granary.Buf[uint16], 300)
		granary.MakeBatch(others, n, granary.Tag("others"))
		wantMisuse(t, "double free", "sessions", b.Free)
		wantMisuse(t, "use after free", "sessions", func() { b.Slice() })
		wantMisuse(t, "use after free", "sessions", func() { b.Resize(5) })
		wantMisuse(t, "double free", "sessions", func() { granary.FreeBatch([]granary.Buf[uint16]{others[0], b}) })
		if others[0].Live() || !others[1].Live() {
			t.Error("FreeBatch frees what is before the wrong one, and nothing else")
		}
		granary.FreeBatch(others[1:])
	}
	r := granary.New[int64](granary.Tag("counters"))
	*r.Get() = 1
	r.Free()
	wantMisuse(t, "double free", "counters", r.Free)
	wantMisuse(t, "use after free", "counters", func() { r.Get() })
	plain := granary.New[int]()
	plain.Free()
	if text := panicOf(t, plain.Free).(error).Error(); !strings.Contains(text, "untagged") {
		t.Errorf("the message is %q", text)
	}
}

func TestZeroHandlesAreEmpty(t *testing.T) {
	var b granary.Buf[int]
	b.Free()
	if b.Slice() != nil || b.Len() != 0 || b.Live() {
		t.Error("the zero Buf is not empty")
	}
	b.Resize(3)
	if len(b.Slice()) != 3 {
		t.Error("the zero Buf does not grow")
	}
	b.Free()
	var r granary.Ref[int]
	r.Free()
	wantMisuse(t, "use of a zero Ref", "", func() { r.Get() })
}

func TestResizeKeepsWhatFitsAndClearsTheRest(t *testing.T) {
	defer verifyNone(t)
	b := granary.Make[uint32](4, granary.Tag("grown"))
	copy(b.Slice(), []uint32{1, 2, 3, 4})
	old := b
	b.Resize(100_000)
	if s := b.Slice(); s[3] != 4 || s[4] != 0 || s[99_999] != 0 || b.Tag() != "grown" {
		t.Errorf("grown to %v…, tag %q", s[:6], b.Tag())
	}
	wantMisuse(t, "use after free", "grown", func() { old.Slice() })
	b.Resize(2, granary.Tag("shrunk"))
	if s := b.Slice(); len(s) != 2 || s[1] != 2 || b.Tag() != "shrunk" {
		t.Errorf("shrunk to %v, tag %q", s, b.Tag())
	}
	b.Free()
}

func TestTypesWithPointersAreRefused(t *testing.T) {
	type inner struct{ Names [2]struct{ S string } }
	checks := map[string]error{
		"*int":    granary.CheckType[*int](),
		"string":  granary.CheckType[string](),
		"[]byte":  granary.CheckType[[]byte](),
		"map":     granary.CheckType[map[int]int](),
		"chan":    granary.CheckType[chan int](),
		"func":    granary.CheckType[func()](),
		"any":     granary.CheckType[any](),
		"pointer": granary.CheckType[unsafe.Pointer](),
		"nested":  granary.CheckType[inner](),
	}
	for name, err := range checks {
		if !errors.Is(err, granary.ErrPointers) {
			t.Errorf("%s is %v", name, err)
		}
	}
	if text := checks["nested"].Error(); !strings.Contains(text, ".Names[0].S (a string)") {
		t.Errorf("the error is %q", text)
	}
	for i := 0; i < 2; i++ { // the second one is from memory
		if err, ok := panicOf(t, func() { granary.New[inner]() }).(error); !ok || !errors.Is(err, granary.ErrPointers) {
			t.Errorf("New panics with %v", err)
		}
	}
	for name, err := range map[string]error{
		"numbers": granary.CheckType[vector](), "complex": granary.CheckType[[4]complex128](),
		"empty": granary.CheckType[struct{}](), "uintptr": granary.CheckType[uintptr](),
		"no pointers": granary.CheckType[[0]*int](),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAbsurdSizesAreRefused(t *testing.T) {
	for _, n := range []int{-1, math.MinInt, math.MaxInt, 1 << 60} {
		panicOf(t, func() { granary.Make[uint64](n) })
	}
	none := granary.Make[struct{}](1000)
	if len(none.Slice()) != 1000 {
		t.Error("elements without bytes are no elements")
	}
	none.Free()
}

func TestNoMemoryIsAnError(t *testing.T) {
	if !granary.Supported() {
		t.Skip("the Go heap ends the process instead")
	}
	defer verifyNone(t)
	if _, err := granary.TryBytes(1<<47-1, granary.Tag("giant")); !errors.Is(err, granary.ErrOutOfMemory) ||
		!strings.Contains(err.Error(), `"giant"`) {
		t.Errorf("the error is %v", err)
	}
	err, _ := panicOf(t, func() { granary.Bytes(1<<47 - 1) }).(error)
	if !errors.Is(err, granary.ErrOutOfMemory) {
		t.Errorf("Bytes panics with %v", err)
	}
	panicOf(t, func() { granary.MakeBatch(make([]granary.Buf[byte], 3), 1<<47-1) })
	small, err := granary.TryMake[int](3)
	if err != nil {
		t.Fatal(err)
	}
	small.Free()
}

func TestUsageCountsByTag(t *testing.T) {
	defer verifyNone(t)
	usageOf := func(tag string) granary.TagUsage {
		for _, usage := range granary.Usage() {
			if usage.Tag == tag {
				return usage
			}
		}
		return granary.TagUsage{}
	}
	a := granary.Make[uint64](10, granary.Tag("counted"))
	bufs := make([]granary.Buf[byte], 5)
	granary.MakeBatch(bufs, 100_000, granary.Tag("counted"))
	if got, want := usageOf("counted"), (granary.TagUsage{"counted", 6, 500_080, 6}); got != want {
		t.Errorf("usage is %v, wanted %v", got, want)
	}
	if bytes, objects := granary.InUse(); bytes < 500_080 || objects < 6 {
		t.Errorf("in use are %d bytes in %d objects", bytes, objects)
	}
	var text strings.Builder
	if err := granary.WriteLeaks(&text); err != nil || !strings.HasPrefix(text.String(), "counted: 500080 bytes in 6 objects\n") {
		t.Errorf("the leaks are %q, %v", text.String(), err)
	}
	a.Free()
	granary.FreeBatch(bufs)
	if got, want := usageOf("counted"), (granary.TagUsage{"counted", 0, 0, 6}); got != want {
		t.Errorf("usage is %v, wanted %v", got, want)
	}
}

// TestGoroutinesShareMemory hands blocks from one goroutine to another, which finds what the first one
// wrote and frees them.
func TestGoroutinesShareMemory(t *testing.T) {
	defer verifyNone(t)
	const producers, blocks = 8, 3000
	queue := make(chan granary.Buf[uint64], 100)
	var making, using sync.WaitGroup
	for p := 0; p < producers; p++ {
		making.Add(1)
		go func(p int) {
			defer making.Done()
			for i := 0; i < blocks; i++ {
				b := granary.Make[uint64](1+(i*37+p)%700, granary.Tag("queued"))
				s := b.Slice()
				for j := range s {
					if s[j] != 0 {
						t.Errorf("element %d is %d", j, s[j])
					}
					s[j] = uint64(uintptr(unsafe.Pointer(&s[0]))) + uint64(j)
				}
				queue <- b
			}
		}(p)
		using.Add(1)
		go func() {
			defer using.Done()
			for b := range queue {
				s := b.Slice()
				for j := range s {
					if s[j] != uint64(uintptr(unsafe.Pointer(&s[0])))+uint64(j) {
						t.Errorf("element %d of %p was overwritten", j, &s[0])
					}
				}
				b.Free()
			}
		}()
	}
	making.Wait()
	close(queue)
	using.Wait()
}

// TestOneOfManyFreesWins: of goroutines that free the same block at once, all but one panic.
func TestOneOfManyFreesWins(t *testing.T) {
	defer verifyNone(t)
	for round := 0; round < 200; round++ {
		b := granary.Bytes(64, granary.Tag("contested"))
		panics := make(chan any, 4)
		start := make(chan struct{})
		for i := 0; i < 4; i++ {
			go func() {
				defer func() { panics <- recover() }()
				<-start
				b.Free()
			}()
		}
		close(start)
		wins := 0
		for i := 0; i < 4; i++ {
			if <-panics == nil {
				wins++
			}
		}
		if wins != 1 {
			t.Fatalf("%d frees went through", wins)
		}
	}
}
