// SPDX-License-Identifier: Apache-2.0 OR MIT

// Package granary gives Go programs memory outside the Go heap that is checked, counted and fast,
// and shows and steers the allocator granary, which that memory comes from.
//
//	var cache = granary.Tag("cache")
//
//	page := granary.Bytes(4096, cache)        // zeroed, invisible to the garbage collector
//	copy(page.Slice(), data)
//	page.Free()                               // a second Free, or a Slice now, panics with "cache"
//
// # Memory
//
// [Bytes] and [Make] give a [Buf], [New] a [Ref], [NewArena] an [Arena] whose parts are freed all at
// once. Handles are values without pointers: a map of a million of them costs the garbage collector
// nothing. Every handle knows the generation of its block. Types that hold Go pointers are refused,
// since the garbage collector would not see them.
//
// A slice from [Buf.Slice] is an ordinary slice: it must not be used after Free. Ask the handle again
// instead of keeping the slice. To find such mistakes, run the program with GRANARY_GO=guard in the
// environment: then every block has pages of its own, which fault after Free and behind the end.
//
// # Accounting
//
// [Usage] says what is in use by tag, [WriteLeaks] writes it down, package granarytest fails tests
// that leave something behind.
//
// # Control
//
// [ReadStats] reads granary's totals, [Ctl] one value of its control tree (docs/mallctl.md of granary),
// [Purge] gives unused memory back to the system, [ManageMemoryLimit] makes the Go memory limit take
// granary into account. Package metrics has both heaps together for expvar and HTTP.
//
// # Builds
//
// granary is found by pkg-config and linked statically, or as a shared library with the build tag
// granary_shared. Without cgo, or with the build tag granary_goheap, memory comes from the Go heap,
// with the same checks and accounts, and functions that need granary return an error that is
// [errors.ErrUnsupported].
package granary
