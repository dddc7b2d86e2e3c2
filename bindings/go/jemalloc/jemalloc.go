// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

// Package jemalloc makes cgo code that was written against jemalloc run on granary, on the same heap
// as package granary: importing it is enough.
//
//	import _ "granary/bindings/go/jemalloc"
//
// The program has all functions with the prefix je_, as of a jemalloc built with
// --with-jemalloc-prefix=je_, linked statically; and, through package override, the C side's malloc.
// The header jemalloc/jemalloc.h is that of granary's compatibility directory, which jemalloc.pc in
// <libdir>/granary/jemalloc/lib/pkgconfig leads to. Options are granary's, in GRANARY_CONF.
//
// Programs that do not import package granary can also just be linked with that directory's
// libjemalloc.a instead of jemalloc's.
package jemalloc

import _ "granary/bindings/go/override" // of two mallocs one would get the other's memory
