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

// AllocBatch stores the addresses of len(out) blocks of size bytes in out and returns how many there
// are: fewer when memory is exhausted. With zero all bytes are zero.
func AllocBatch(size uintptr, zero bool, out []uintptr) int {
	if len(out) == 0 {
		return 0
	}
	flags := 0
	if zero {
		flags = C.GRANARY_MALLOCX_ZERO
	}
	return allocBatch(size, flags, &out[0], len(out))
}

// FreeBatch gives blocks back.
func FreeBatch(addresses []uintptr) {
	if len(addresses) > 0 {
		freeBatch(&addresses[0], len(addresses))
	}
}

// Resize makes the block at address size bytes long where it is and says whether it could.
func Resize(address, size uintptr) bool {
	return uintptr(C.granary_xallocx(Pointer(address), C.size_t(size), 0, 0)) >= size
}

// Owns says whether granary handed out what the pointer points into.
func Owns(pointer unsafe.Pointer) bool { return C.granary_owns(pointer) != 0 }
