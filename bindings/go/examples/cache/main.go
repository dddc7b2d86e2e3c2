// SPDX-License-Identifier: Apache-2.0 OR MIT

// Cache keeps pages in memory of granary, where the garbage collector does not see them, and gives
// the memory back to the system at the end.
//
//	go run ./examples/cache
package main

import (
	"fmt"
	"os"

	granary "granary/bindings/go"
)

var pages = granary.Tag("pages")

// Cache maps numbers to pages. The map's values are handles without pointers: the garbage collector
// does not even look into the map.
type Cache struct{ pages map[uint64]granary.Buf[byte] }

// Put keeps a copy of the content.
func (c *Cache) Put(number uint64, content []byte) {
	c.Drop(number)
	page := granary.Bytes(len(content), pages, granary.Uninitialized)
	copy(page.Slice(), content)
	c.pages[number] = page
}

// Get returns the content, which is valid until Drop or Put of the same number.
func (c *Cache) Get(number uint64) []byte { return c.pages[number].Slice() }

// Drop forgets a page.
func (c *Cache) Drop(number uint64) {
	c.pages[number].Free() // of the zero Buf too
	delete(c.pages, number)
}

func resident() uint64 {
	stats, err := granary.ReadStats()
	if err != nil {
		fmt.Println("no statistics:", err) // a build without cgo
	}
	return stats.Resident >> 20
}

func main() {
	cache := Cache{pages: map[uint64]granary.Buf[byte]{}}
	content := make([]byte, 4096)
	for number := uint64(0); number < 20_000; number++ {
		copy(content, fmt.Sprintf("page %d", number))
		cache.Put(number, content)
	}
	fmt.Printf("page 12345 begins with %q\n", cache.Get(12345)[:10])
	for _, usage := range granary.Usage() {
		fmt.Printf("tag %q: %d objects, %d MiB\n", usage.Tag, usage.Objects, usage.Bytes>>20)
	}
	fmt.Printf("granary holds %d MiB\n", resident())

	stale := cache.pages[7]
	for number := range cache.pages {
		cache.Drop(number)
	}
	if err := granary.Purge(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("after dropping all and a purge: %d MiB\n", resident())

	defer func() { fmt.Println("a mistake:", recover()) }()
	stale.Slice()
}
