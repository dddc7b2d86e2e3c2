// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build unix

package granary_test

import (
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	granary "granary/bindings/go"
)

// faults runs f and says whether it touched memory that is not there.
func faults(f func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault, ok := recover().(interface{ Addr() uintptr }); ok {
			faulted = fault.Addr() != 0
		}
	}()
	f()
	return false
}

// TestGuardModeFaultsBehindTheEndAndAfterFree runs itself, and all of the tests of memory, in guard mode.
func TestGuardModeFaultsBehindTheEndAndAfterFree(t *testing.T) {
	if os.Getenv("GRANARY_GO") != "guard" {
		child := exec.Command(os.Args[0], "-test.v", "-test.run",
			"Guard|Zeroed|Typed|Batches|Freed|ZeroHandles|Resize|Goroutines|OneOfMany|Arena|FuzzHandles|FuzzArena")
		child.Env = append(os.Environ(), "GRANARY_GO=guard")
		output, err := child.CombinedOutput()
		if err != nil || strings.Count(string(output), "--- PASS") < 12 {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	for _, n := range []int{8, 100, 4096, 50_000} {
		b := granary.Bytes(n)
		kept := b.Slice()
		kept[0], kept[n-1] = 1, 1
		end := unsafe.Slice(&kept[0], (n+7)&^7+1)
		if !faults(func() { end[len(end)-1] = 1 }) {
			t.Errorf("%d bytes: a write behind the end goes through", n)
		}
		b.Free()
		if !faults(func() { kept[n/2] = 1 }) {
			t.Errorf("%d bytes: a write after free goes through", n)
		}
	}
	a := granary.NewArena()
	kept := a.Bytes(10).Slice()
	a.Free()
	if !faults(func() { kept[0] = 1 }) {
		t.Error("a write into a freed arena goes through")
	}
	for i := 0; i < 10_000; i++ { // more than the quarantine
		granary.Bytes(1).Free()
	}
}
