// SPDX-License-Identifier: Apache-2.0 OR MIT

// Package cmem is C's malloc by a cgo call each, to compare with. (Test files cannot use cgo.)
package cmem

// #include <stdlib.h>
import "C"

import "unsafe"

// Malloc returns memory as it is.
func Malloc(n int) unsafe.Pointer { return C.malloc(C.size_t(n)) }

// Calloc returns zeros.
func Calloc(n int) unsafe.Pointer { return C.calloc(1, C.size_t(n)) }

// Free gives memory of either back.
func Free(pointer unsafe.Pointer) { C.free(pointer) }
