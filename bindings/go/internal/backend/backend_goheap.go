// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !cgo || granary_goheap

package backend

import (
	"sync"
	"unsafe"
)

// OffHeap says that memory comes from granary and not from the Go heap.
const OffHeap = false

// What is in use, since a handle holds an address and no pointer (BE2).
var (
	mu   sync.Mutex
	live = map[uintptr][]uint64{}
)

// All bytes are zero.
func allocBatch(size uintptr, _ bool, out []uintptr) int {
	mu.Lock()
	defer mu.Unlock()
	for i := range out {
		words := make([]uint64, max(size+7, 8)/8)
		out[i] = uintptr(unsafe.Pointer(&words[0]))
		live[out[i]] = words
	}
	return len(out)
}

func freeBatch(addresses []uintptr) {
	mu.Lock()
	defer mu.Unlock()
	for _, address := range addresses {
		delete(live, address)
	}
}

// Owns says whether a block of this backend begins where the pointer points.
func Owns(pointer unsafe.Pointer) bool {
	mu.Lock()
	defer mu.Unlock()
	_, found := live[uintptr(pointer)]
	return found
}
