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

import (
	"os"
	"unsafe"
)

// Guarded says that every block has pages of its own, see guard_unix.go: GRANARY_GO=guard in the
// environment.
var Guarded = guardSupported && os.Getenv("GRANARY_GO") == "guard"

// AllocBatch stores the addresses of len(out) blocks of size bytes in out and returns how many there
// are: fewer when memory is exhausted. With zero all bytes are zero.
func AllocBatch(size uintptr, zero bool, out []uintptr) int {
	switch {
	case len(out) == 0:
		return 0
	case Guarded:
		return guardBatch(size, out)
	}
	return allocBatch(size, zero, out)
}

// FreeBatch gives blocks back.
func FreeBatch(addresses []uintptr) {
	switch {
	case len(addresses) == 0:
	case Guarded:
		unguardBatch(addresses)
	default:
		freeBatch(addresses)
	}
}

// Pointer turns an address of this backend into a pointer.
func Pointer(address uintptr) unsafe.Pointer {
	// SAFETY (BE2): nothing moves or frees what is at the address. The detour says to vet that this
	// is no pointer arithmetic.
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
