// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary_test

import (
	"testing"

	granary "granary/bindings/go"
)

// FuzzHandles reads a program of allocations, frees, wrong frees, resizes and purges. Every block keeps
// its bytes, every wrong use panics, and nothing else does.
func FuzzHandles(f *testing.F) {
	f.Add([]byte{0, 10, 0, 200, 1, 0, 3, 0, 2, 0, 4, 9, 5, 1})
	f.Add([]byte{0, 255, 4, 255, 6, 0, 1, 0, 1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		bytesBefore, objectsBefore := granary.InUse()
		var live, stale []granary.Buf[byte]
		for ; len(program) >= 2; program = program[2:] {
			operand := int(program[1])
			switch program[0] % 7 {
			case 0:
				live = append(live, filled(t, granary.Bytes(operand*operand*operand/50)))
			case 1, 2:
				if len(live) > 0 {
					i := operand % len(live)
					unchanged(t, live[i])
					live[i].Free()
					stale = append(stale, live[i])
					live[i] = live[len(live)-1]
					live = live[:len(live)-1]
				}
			case 3:
				if len(stale) > 0 {
					wantMisuse(t, "double free", "", stale[operand%len(stale)].Free)
					wantMisuse(t, "use after free", "", func() { stale[operand%len(stale)].Slice() })
				}
			case 4:
				if len(live) > 0 {
					b := &live[operand%len(live)]
					unchanged(t, *b)
					stale = append(stale, *b)
					b.Resize(operand * 7)
					filled(t, *b)
				}
			case 5:
				batch := make([]granary.Buf[byte], operand%70)
				granary.MakeBatch(batch, operand)
				for _, b := range batch {
					live = append(live, filled(t, b))
				}
			case 6:
				if err := granary.Purge(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, b := range live {
			unchanged(t, b)
		}
		granary.FreeBatch(live)
		if bytes, objects := granary.InUse(); bytes != bytesBefore || objects != objectsBefore {
			t.Fatalf("%d bytes in %d objects are left", bytes-bytesBefore, objects-objectsBefore)
		}
	})
}

func filled(t *testing.T, b granary.Buf[byte]) granary.Buf[byte] {
	t.Helper()
	for i := range b.Slice() {
		b.Slice()[i] = byte(b.Len() + i)
	}
	return b
}

func unchanged(t *testing.T, b granary.Buf[byte]) {
	t.Helper()
	s := b.Slice()
	for i := range s {
		if s[i] != byte(len(s)+i) {
			t.Fatalf("byte %d of %d was overwritten", i, len(s))
		}
	}
}

// FuzzArena reads a program of allocations and resets: parts are zero, apart, and stale after a reset.
func FuzzArena(f *testing.F) {
	f.Add([]byte{1, 100, 0, 3, 2, 3, 0, 200})
	f.Fuzz(func(t *testing.T, program []byte) {
		a := granary.NewArena(granary.Tag("fuzzed"))
		defer a.Free()
		var parts []granary.Buf[byte]
		var last granary.Ref[uint64]
		for ; len(program) >= 2; program = program[2:] {
			switch program[0] % 4 {
			case 0, 1:
				b := a.Bytes(int(program[1]) << (program[0] >> 5))
				for _, v := range b.Slice() {
					if v != 0 {
						t.Fatal("not zero")
					}
				}
				parts = append(parts, filled(t, b))
			case 2:
				last = granary.ArenaNew[uint64](a)
				*last.Get() = 1
			case 3:
				for _, b := range parts {
					unchanged(t, b)
				}
				a.Reset()
				for _, b := range parts {
					if b.Live() {
						t.Fatal("a part is live after Reset")
					}
				}
				parts = nil
			}
		}
		for _, b := range parts {
			unchanged(t, b)
		}
	})
}
