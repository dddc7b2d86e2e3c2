// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

import (
	"math/rand"
	"sync"
	"testing"
	"unsafe"

	"granary/bindings/go/internal/backend"
)

func TestEverySizeFitsItsClassAndNoSmallerOne(t *testing.T) {
	for size := uintptr(0); size <= maxCached; size++ {
		class := classOf(size)
		if class >= classCount || classSizes[class] < size {
			t.Fatalf("%d bytes are of class %d", size, class)
		}
		if class > 0 && classSizes[class-1] >= size {
			t.Fatalf("%d bytes are of class %d, but fit in %d", size, class, classSizes[class-1])
		}
	}
	if classOf(maxCached+1) != classLarge || classSizes[classCount-1] != maxCached {
		t.Error("the largest class is not maxCached")
	}
}

func TestABatchKeepsItsBounds(t *testing.T) {
	for class, size := range classSizes {
		if batch := batchOf(class); batch < 2 || batch > 64 || uintptr(batch)*size > 2*maxCached {
			t.Errorf("class %d of %d bytes has batches of %d", class, size, batch)
		}
	}
}

// check verifies H1 and H2 between operations of one goroutine, against what the model has in use.
func check(t *testing.T, live map[uint32]Handle, bytes int64) {
	t.Helper()
	seen := map[uint32]bool{}
	addresses := map[uintptr]bool{}
	for _, s := range shards {
		for class, list := range s.free {
			for _, number := range list {
				slot := at(number)
				if _, used := live[number]; used || seen[number] || slot.gen.Load()&1 == 1 || addresses[slot.addr] {
					t.Fatalf("slot %d of class %d is not free exactly once (H1)", number, class)
				}
				seen[number], addresses[slot.addr] = true, true
			}
		}
		for _, number := range s.spare {
			if _, used := live[number]; used || seen[number] {
				t.Fatalf("slot %d is spare and something else (H1)", number)
			}
			seen[number] = true
		}
	}
	var sum Usage
	for _, usage := range Usages() {
		sum.add(usage)
	}
	if sum.Objects != int64(len(live)) || sum.Bytes != bytes {
		t.Fatalf("%d objects, %d bytes; the model has %d, %d (H2)", sum.Objects, sum.Bytes, len(live), bytes)
	}
}

// TestModelProgramsKeepTheInvariants runs random programs beside a map of what should be in use.
func TestModelProgramsKeepTheInvariants(t *testing.T) {
	tag, _ := TagNumber("model")
	for seed := int64(1); seed <= 5; seed++ {
		runModel(t, rand.New(rand.NewSource(seed)), tag, 3000)
	}
}

type modelState struct {
	live  map[uint32]Handle
	order []Handle
	stale []Handle
	bytes int64
}

func (m *modelState) add(t *testing.T, h Handle, size uintptr) {
	t.Helper()
	if _, used := m.live[h.slot]; used || !h.Live() {
		t.Fatalf("%v was handed out twice", h)
	}
	for _, b := range unsafe.Slice((*byte)(backend.Pointer(h.Addr)), size) {
		if b != 0 {
			t.Fatal("a byte is not zero")
		}
	}
	for i := range unsafe.Slice((*byte)(backend.Pointer(h.Addr)), size) {
		unsafe.Slice((*byte)(backend.Pointer(h.Addr)), size)[i] = byte(h.slot)
	}
	m.live[h.slot] = h
	m.order = append(m.order, h)
	m.bytes += int64(size)
}

func (m *modelState) take(t *testing.T, random *rand.Rand) Handle {
	t.Helper()
	i := random.Intn(len(m.order))
	h := m.order[i]
	m.order[i] = m.order[len(m.order)-1]
	m.order = m.order[:len(m.order)-1]
	size := at(h.slot).size
	for _, b := range unsafe.Slice((*byte)(backend.Pointer(h.Addr)), size) {
		if b != byte(h.slot) {
			t.Fatal("a byte was overwritten")
		}
	}
	delete(m.live, h.slot)
	m.bytes -= int64(size)
	m.stale = append(m.stale, h)
	return h
}

func runModel(t *testing.T, random *rand.Rand, tag uint32, steps int) {
	t.Helper()
	m := modelState{live: map[uint32]Handle{}}
	for step := 0; step < steps; step++ {
		size := uintptr(random.Intn(1 << random.Intn(17)))
		switch choice := random.Intn(20); {
		case choice < 8:
			h, ok := Alloc(size, int(size), tag, true)
			if !ok {
				t.Fatal("no memory")
			}
			m.add(t, h, size)
		case choice < 10:
			out := make([]Handle, random.Intn(100))
			if len(out) > 0 && !AllocMany(out, size%2000, 1, tag, true) {
				t.Fatal("no memory")
			}
			for _, h := range out {
				m.add(t, h, size%2000)
			}
		case choice < 16 && len(m.order) > 0:
			if !Free(m.take(t, random)) {
				t.Fatal("a free of what is in use failed")
			}
		case choice < 17 && len(m.order) > 100:
			batch := make([]Handle, 80)
			for i := range batch {
				batch[i] = m.take(t, random)
			}
			if wrong := FreeMany(batch); wrong >= 0 {
				t.Fatalf("number %d of a batch was refused", wrong)
			}
		case choice < 19 && len(m.stale) > 0:
			h := m.stale[random.Intn(len(m.stale))]
			if h.Live() || Free(h) || FreeMany([]Handle{h}) != 0 {
				t.Fatal("a stale handle is live")
			}
		default:
			Flush()
			if Kept() != 0 {
				t.Fatal("something is kept after Flush")
			}
		}
		if step%50 == 0 {
			check(t, m.live, m.bytes)
		}
	}
	if wrong := FreeMany(m.order); wrong >= 0 {
		t.Fatal("a free of what is in use failed")
	}
	check(t, map[uint32]Handle{}, 0)
}

func TestASlotAtItsLastGenerationIsLeftAlone(t *testing.T) {
	h, _ := Alloc(48, 1, Untagged, false)
	number := h.slot
	at(number).gen.Store(lastGen - 1)
	h.gen = lastGen - 1
	if !Free(h) {
		t.Fatal("not freed")
	}
	Flush()
	for i := 0; i < 10_000; i++ {
		next, _ := Alloc(48, 1, Untagged, false)
		defer Free(next)
		if next.slot == number {
			t.Fatal("the slot came back")
		}
	}
}

func TestAnArenaAtItsLastGenerationGetsAnotherSlot(t *testing.T) {
	h := OpenArena(Untagged)
	GrowArena(h, 100)
	at(h.slot).gen.Store(lastGen - 1)
	h.gen = lastGen - 1
	part := h.Part(1, 1)
	renewed, ok := Renew(h)
	if !ok || renewed.slot == h.slot || part.Live() || !renewed.Live() {
		t.Fatalf("%v became %v, %v", h, renewed, ok)
	}
	if at(renewed.slot).size != 100 || !Free(renewed) {
		t.Error("the bytes are lost")
	}
}

func TestTagsHaveOneNumberEach(t *testing.T) {
	var all sync.WaitGroup
	numbers := make([]uint32, 16)
	for i := range numbers {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			numbers[i], _ = TagNumber("the same")
		}(i)
	}
	all.Wait()
	for _, number := range numbers {
		if number != numbers[0] || TagName(number) != "the same" {
			t.Errorf("numbers %v", numbers)
		}
	}
}
