// SPDX-License-Identifier: Apache-2.0 OR MIT

// Package bench compares ways to get memory, and what they cost the garbage collector.
package bench

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	granary "granary/bindings/go"
	"granary/bindings/go/bench/cmem"
)

var tag = granary.Tag("bench")

const batch = 64 // blocks in use at a time, per goroutine

// way allocates a batch, touches every block, and frees them.
type way struct {
	name string
	run  func(size int)
}

var ways = []way{
	{"make", func(size int) {
		var blocks [batch][]byte
		for i := range blocks {
			blocks[i] = make([]byte, size)
			blocks[i][0] = 1
		}
		runtime.KeepAlive(&blocks)
	}},
	{"C.malloc", func(size int) { cgo(cmem.Malloc, size) }},
	{"C.calloc", func(size int) { cgo(cmem.Calloc, size) }},
	{"Buf", func(size int) {
		var blocks [batch]granary.Buf[byte]
		for i := range blocks {
			blocks[i] = granary.Bytes(size, tag)
			blocks[i].Slice()[0] = 1
		}
		for i := range blocks {
			blocks[i].Free()
		}
	}},
	{"BufBatch", func(size int) {
		var blocks [batch]granary.Buf[byte]
		granary.MakeBatch(blocks[:], size, tag)
		for i := range blocks {
			blocks[i].Slice()[0] = 1
		}
		granary.FreeBatch(blocks[:])
	}},
	{"BufBatchDirty", func(size int) {
		var blocks [batch]granary.Buf[byte]
		granary.MakeBatch(blocks[:], size, tag, granary.Uninitialized)
		for i := range blocks {
			blocks[i].Slice()[0] = 1
		}
		granary.FreeBatch(blocks[:])
	}},
}

func cgo(allocate func(int) unsafe.Pointer, size int) {
	var blocks [batch]unsafe.Pointer
	for i := range blocks {
		blocks[i] = allocate(size)
		*(*byte)(blocks[i]) = 1
	}
	for i := range blocks {
		cmem.Free(blocks[i])
	}
}

// BenchmarkAlloc: the time is that of one block: allocated, written to, freed. One goroutine for each
// core (-cpu).
func BenchmarkAlloc(b *testing.B) {
	for _, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		for _, w := range ways {
			b.Run(fmt.Sprintf("size=%07d/way=%s", size, w.name), func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) {
					for more := true; more; {
						blocks := 0
						for blocks < batch && pb.Next() {
							blocks++
						}
						if more = blocks == batch; more {
							w.run(size)
						}
					}
				})
			})
		}
		runtime.GC()
	}
}

const (
	cacheBytes = 2 << 30
	entryBytes = 1 << 10
)

// BenchmarkGC: the time of one garbage collection beside a cache of 2 GiB in entries of 1 KiB.
func BenchmarkGC(b *testing.B) {
	b.Run("cache=none", collect)
	b.Run("cache=GoMap", func(b *testing.B) {
		cache := map[uint64][]byte{}
		for i := uint64(0); i < cacheBytes/entryBytes; i++ {
			cache[i] = make([]byte, entryBytes)
		}
		collect(b)
		runtime.KeepAlive(cache)
	})
	runtime.GC()
	b.Run("cache=granary", func(b *testing.B) {
		cache := map[uint64]granary.Buf[byte]{}
		for i := uint64(0); i < cacheBytes/entryBytes; i++ {
			cache[i] = granary.Bytes(entryBytes, tag)
		}
		collect(b)
		for _, entry := range cache {
			entry.Free()
		}
	})
}

func collect(b *testing.B) {
	runtime.GC()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		runtime.GC()
	}
	b.StopTimer()
}
