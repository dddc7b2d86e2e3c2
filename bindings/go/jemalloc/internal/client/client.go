// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

// Package client is code that was written against jemalloc: for caches with a jemalloc prefix je_,
// for reports that are cut at "arenas[", for arenas of its own. It knows nothing of granary.
package client

/*
#cgo pkg-config: jemalloc
#define JEMALLOC_NO_DEMANGLE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <jemalloc/jemalloc.h>

static uint64_t refreshed(const char *name) {
	uint64_t epoch = 1, value = 0;
	size_t size = sizeof epoch;
	if (je_mallctl("epoch", &epoch, &size, &epoch, size) != 0)
		return 0;
	return je_mallctl(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

struct text { char *at; size_t length; };

static void collect(void *opaque, const char *piece) {
	struct text *text = opaque;
	const size_t more = strlen(piece);
	text->at = realloc(text->at, text->length + more + 1);
	memcpy(text->at + text->length, piece, more + 1);
	text->length += more;
}

static char *report(const char *options) {
	struct text text = {NULL, 0};
	je_malloc_stats_print(collect, &text, options);
	return text.at;
}

// An arena of its own: made, used past the thread's cache, ended. 0, or the number of what failed.
static int own_arena(void) {
	unsigned arena;
	size_t size = sizeof arena, mib[3], length = 3;
	if (je_mallctl("arenas.create", &arena, &size, NULL, 0) != 0)
		return 1;
	void *block = je_mallocx(100000, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO);
	if (!block || je_sallocx(block, 0) < 100000 || je_nallocx(100000, 0) != je_sallocx(block, 0))
		return 2;
	block = je_rallocx(block, 200000, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
	if (!block || je_xallocx(block, 200000, 0, 0) < 200000)
		return 3;
	je_sdallocx(block, 200000, MALLOCX_TCACHE_NONE);
	if (je_mallctlnametomib("arena.0.destroy", mib, &length) != 0 || length != 3)
		return 4;
	mib[1] = arena;
	return je_mallctlbymib(mib, length, NULL, NULL, NULL, 0) == 0 ? 0 : 5;
}

static int rest(void) {
	size_t usable = 0, before = 0;
	void *block = je_malloc_with_usize(100, &usable);
	if (!block || usable != je_malloc_usable_size(block))
		return 1;
	block = je_realloc_with_usize(block, 5000, &before, &usable);
	if (before != 112 || usable < 5000)
		return 2;
	je_free_with_usize(block, &before);
	if (before != usable)
		return 3;
	void *aligned = NULL;
	if (je_posix_memalign(&aligned, 4096, 100) != 0 || (uintptr_t)aligned % 4096 != 0)
		return 4;
	je_free_aligned_sized(aligned, 4096, 100);
	je_free(je_memalign(64, 64));
	je_free(je_valloc(1));
	je_free(je_pvalloc(1));
	je_dallocx(je_aligned_alloc(64, 64), 0);
	je_free_sized(je_malloc(33), 33);
	je_free(je_realloc(je_calloc_with_usize(3, 3, &usable), 1000));
	return je_get_defrag_hint(NULL) == 0 ? 0 : 5;
}
*/
import "C"

import (
	"strings"
	"unsafe"
)

// Calloc returns n zero bytes of jemalloc's.
func Calloc(n int) []byte {
	return unsafe.Slice((*byte)(C.je_calloc(1, C.size_t(n))), n)
}

// Free gives them back.
func Free(b []byte) { C.je_free(unsafe.Pointer(unsafe.SliceData(b))) }

// Stat returns a number of the statistics, 0 if there is none.
func Stat(name string) uint64 {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return uint64(C.refreshed(text))
}

// Report returns the report up to the arenas.
func Report() string {
	options := C.CString("")
	defer C.free(unsafe.Pointer(options))
	text := C.report(options)
	defer C.free(unsafe.Pointer(text))
	general, _, _ := strings.Cut(C.GoString(text), "arenas[")
	return general
}

// OwnArena and Rest try the other functions; 0, or the number of the step that failed.
func OwnArena() int { return int(C.own_arena()) }

// Rest tries what OwnArena does not.
func Rest() int { return int(C.rest()) }
