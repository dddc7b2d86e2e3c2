// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build unix

// Role        Memory for finding mistakes: a block ends where its pages end, and behind them is one
//             that faults. After a free the pages fault too, until many others were freed.
// Invariants  G1  the pages of a block are never anybody else's while it is in use or in quarantine.
// Cost        two system calls and two mappings for every block. Linux has 65530 mappings for a
//             process: enough for 20000 blocks and the quarantine.

package backend

import (
	"os"
	"sync"
	"syscall"
	"unsafe"
)

const guardSupported = true

// quarantine is how many freed blocks keep faulting.
const quarantine = 4096

var guards = struct {
	sync.Mutex
	used  map[uintptr][]byte // by address of the block: its pages and the one behind
	freed [][]byte           // oldest first
}{used: map[uintptr][]byte{}}

func guardBatch(size uintptr, out []uintptr) int {
	for i := range out {
		if out[i] = guardOne(size); out[i] == 0 {
			return i
		}
	}
	return len(out)
}

func guardOne(size uintptr) uintptr {
	page := uintptr(os.Getpagesize())
	if size > 1<<46 {
		return 0
	}
	room := (max(size, 1) + page - 1) &^ (page - 1)
	pages, err := syscall.Mmap(-1, 0, int(room+page), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return 0
	}
	if syscall.Mprotect(pages[room:], syscall.PROT_NONE) != nil {
		syscall.Munmap(pages) // there is no room for its two halves; nothing else to be done
		return 0
	}
	// As near to the end as the alignment of any type lets it be (BE1).
	address := uintptr(unsafe.Pointer(&pages[0])) + room - (size+7)&^7
	if size == 0 {
		address -= 8
	}
	guards.Lock()
	defer guards.Unlock()
	guards.used[address] = pages
	return address
}

func unguardBatch(addresses []uintptr) {
	guards.Lock()
	defer guards.Unlock()
	for _, address := range addresses {
		pages := guards.used[address]
		delete(guards.used, address)
		// From now on they fault, and hold no memory.
		if err := syscall.Mprotect(pages, syscall.PROT_NONE); err != nil {
			panic("granary: guard mode: " + err.Error())
		}
		if err := syscall.Madvise(pages, syscall.MADV_DONTNEED); err != nil {
			panic("granary: guard mode: " + err.Error())
		}
		guards.freed = append(guards.freed, pages)
	}
	for len(guards.freed) > quarantine {
		if err := syscall.Munmap(guards.freed[0]); err != nil {
			panic("granary: guard mode: " + err.Error())
		}
		guards.freed = guards.freed[1:]
	}
}
