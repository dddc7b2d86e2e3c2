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

// AllocBatch stores the addresses of len(out) blocks of size bytes in out. All bytes are zero.
func AllocBatch(size uintptr, _ bool, out []uintptr) int {
	mu.Lock()
	defer mu.Unlock()
	for i := range out {
		words := make([]uint64, max(size+7, 8)/8)
		out[i] = uintptr(unsafe.Pointer(&words[0]))
		live[out[i]] = words
	}
	return len(out)
}

// FreeBatch gives blocks back.
func FreeBatch(addresses []uintptr) {
	mu.Lock()
	defer mu.Unlock()
	for _, address := range addresses {
		delete(live, address)
	}
}

// Resize makes the block at address size bytes long where it is and says whether it could.
func Resize(address, size uintptr) bool {
	mu.Lock()
	defer mu.Unlock()
	return uintptr(len(live[address]))*8 >= size
}

// Owns says whether a block of this backend begins where the pointer points.
func Owns(pointer unsafe.Pointer) bool {
	mu.Lock()
	defer mu.Unlock()
	_, found := live[uintptr(pointer)]
	return found
}
