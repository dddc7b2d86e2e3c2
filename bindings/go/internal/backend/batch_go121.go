// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap && !go1.24

package backend

/*
#include "batch.h"
*/
import "C"

import "unsafe"

func callAlloc(size uintptr, flags int, out *uintptr, count int) int {
	return int(C.granary_go_alloc_batch(C.size_t(size), C.int(flags),
		(*C.uintptr_t)(unsafe.Pointer(out)), C.size_t(count)))
}

func callFree(addresses *uintptr, count int) {
	C.granary_go_free_batch((*C.uintptr_t)(unsafe.Pointer(addresses)), C.size_t(count))
}
