//go:build cgo && !granary_goheap

/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * override.c — malloc and all that belongs to it, passed on to granary.
 *
 * Role        The program's own definitions win over the C library's, for the program, for the C
 *             library itself and for every library that is loaded. C++'s new and delete call these.
 * Why here    libgranary_malloc.a has its own copy of the heap. Package granary links libgranary.a, and
 *             one binary must have one heap, in whatever order Go links the two.
 * Invariants  O1  nothing here runs before or beyond granary: no constructor, no state.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>

#include <granary/granary.h>

/* Defaults for Go, below everything that the user says (GRANARY_CONF, MALLOC_CONF, a malloc_conf of the
 * program's own). Go runs C on many threads, most of which sleep most of the time, and no more at once
 * than there are CPUs: one arena for each CPU is enough, caches must be small, and somebody must give
 * memory back while they sleep. Measured with bindings/go/bench/rss. */
__attribute__((weak)) const char *malloc_conf =
	"background_thread:true,dirty_decay_ms:1000,narenas_ratio:1,tcache_max:1024";

#define EXPORT __attribute__((visibility("default"), noinline))

EXPORT void *malloc(size_t size) { return granary_malloc(size); }
EXPORT void free(void *pointer) { granary_free(pointer); }
EXPORT void cfree(void *pointer) { granary_free(pointer); }
EXPORT void *calloc(size_t count, size_t size) { return granary_calloc(count, size); }
EXPORT void *realloc(void *pointer, size_t size) { return granary_realloc(pointer, size); }
EXPORT void *reallocarray(void *pointer, size_t count, size_t size) {
	return granary_reallocarray(pointer, count, size);
}
EXPORT void *aligned_alloc(size_t alignment, size_t size) {
	return granary_aligned_alloc(alignment, size);
}
EXPORT int posix_memalign(void **out, size_t alignment, size_t size) {
	return granary_posix_memalign(out, alignment, size);
}
EXPORT void *memalign(size_t alignment, size_t size) { return granary_memalign(alignment, size); }
EXPORT void *valloc(size_t size) { return granary_valloc(size); }
EXPORT void *pvalloc(size_t size) { return granary_pvalloc(size); }
EXPORT void free_sized(void *pointer, size_t size) { granary_free_sized(pointer, size); }
EXPORT void free_aligned_sized(void *pointer, size_t alignment, size_t size) {
	granary_free_aligned_sized(pointer, alignment, size);
}
EXPORT size_t malloc_usable_size(void *pointer) { return granary_malloc_usable_size(pointer); }
EXPORT int malloc_trim(size_t pad) { return granary_malloc_trim(pad); }
EXPORT void malloc_stats(void) { granary_malloc_stats_print(NULL, NULL, NULL); }

/* glibc would answer for its own, empty heap. The same fields as in libgranary_malloc. */
EXPORT struct mallinfo2 mallinfo2(void) {
	struct granary_stats_v1 stats = {0};
	struct mallinfo2 info = {0};
	if (granary_stats_v1_read(&stats, sizeof stats) != 0)
		return info;
	info.arena = stats.active - stats.huge_allocated + stats.dirty;
	info.uordblks = stats.small_allocated + stats.large_allocated;
	info.fordblks = info.arena - info.uordblks;
	info.hblks = stats.huge_live;
	info.hblkhd = stats.huge_allocated;
	info.fsmblks = stats.cached;
	info.keepcost = stats.dirty;
	return info;
}

static int as_int(size_t value) { return value > INT_MAX ? INT_MAX : (int)value; }

EXPORT struct mallinfo mallinfo(void) {
	const struct mallinfo2 wide = mallinfo2();
	struct mallinfo info = {0};
	info.arena = as_int(wide.arena);
	info.hblks = as_int(wide.hblks);
	info.hblkhd = as_int(wide.hblkhd);
	info.fsmblks = as_int(wide.fsmblks);
	info.uordblks = as_int(wide.uordblks);
	info.fordblks = as_int(wide.fordblks);
	info.keepcost = as_int(wide.keepcost);
	return info;
}

/* 1 for what granary decides by itself, 0 for what it does not promise, as in libgranary_malloc. */
EXPORT int mallopt(int parameter, int value) {
	(void)value;
	switch (parameter) {
	case M_MXFAST:
	case M_TRIM_THRESHOLD:
	case M_TOP_PAD:
	case M_MMAP_THRESHOLD:
	case M_MMAP_MAX:
	case M_ARENA_TEST:
	case M_ARENA_MAX:
		return 1;
	default:
		return 0;
	}
}

EXPORT int malloc_info(int options, FILE *stream) {
	const struct mallinfo2 info = mallinfo2();
	if (options != 0)
		return EINVAL;
	return fprintf(stream,
	               "<malloc version=\"granary-1\">\n"
	               "  <total type=\"rest\" size=\"%zu\"/>\n  <total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
	               "</malloc>\n",
	               info.uordblks, info.hblks, info.hblkhd) < 0
	           ? -1
	           : 0;
}
