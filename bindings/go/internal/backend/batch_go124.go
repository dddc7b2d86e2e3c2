// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap && go1.24

package backend

/*
#cgo noescape granary_go_alloc_batch
#cgo nocallback granary_go_alloc_batch
#cgo noescape granary_go_free_batch
#cgo nocallback granary_go_free_batch
#include "batch.h"
*/
import "C"

import "unsafe"

// The compiler is told that C keeps no pointer and calls nothing of Go, which Go knows from 1.24 on.
func callAlloc(size uintptr, flags int, out *uintptr, count int) int {
	return int(C.granary_go_alloc_batch(C.size_t(size), C.int(flags),
		(*C.uintptr_t)(unsafe.Pointer(out)), C.size_t(count)))
}

func callFree(addresses *uintptr, count int) {
	C.granary_go_free_batch((*C.uintptr_t)(unsafe.Pointer(addresses)), C.size_t(count))
}
