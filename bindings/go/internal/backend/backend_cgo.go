// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package backend

/*
#include <granary/granary.h>
*/
import "C"

import "unsafe"

// OffHeap says that memory comes from granary and not from the Go heap.
const OffHeap = true

func allocBatch(size uintptr, zero bool, out []uintptr) int {
	flags := 0
	if zero {
		flags = C.GRANARY_MALLOCX_ZERO
	}
	return callAlloc(size, flags, &out[0], len(out))
}

func freeBatch(addresses []uintptr) { callFree(&addresses[0], len(addresses)) }

// Owns says whether granary handed out what the pointer points into.
func Owns(pointer unsafe.Pointer) bool { return C.granary_owns(pointer) != 0 }
