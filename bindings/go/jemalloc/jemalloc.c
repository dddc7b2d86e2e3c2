//go:build cgo && !granary_goheap

/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * jemalloc.c — jemalloc's functions with the prefix je_, passed on to granary.
 *
 * Role        For cgo code that was written against jemalloc. The linker takes these before it looks
 *             into any archive, so that a -ljemalloc elsewhere adds nothing.
 */
#include <stddef.h>

#include <granary/granary.h>

void *je_malloc(size_t size) { return granary_malloc(size); }
void *je_calloc(size_t count, size_t size) { return granary_calloc(count, size); }
void *je_realloc(void *pointer, size_t size) { return granary_realloc(pointer, size); }
void je_free(void *pointer) { granary_free(pointer); }
void je_free_sized(void *pointer, size_t size) { granary_free_sized(pointer, size); }
void je_free_aligned_sized(void *pointer, size_t alignment, size_t size) {
	granary_free_aligned_sized(pointer, alignment, size);
}
int je_posix_memalign(void **out, size_t alignment, size_t size) {
	return granary_posix_memalign(out, alignment, size);
}
void *je_aligned_alloc(size_t alignment, size_t size) {
	return granary_aligned_alloc(alignment, size);
}
void *je_memalign(size_t alignment, size_t size) { return granary_memalign(alignment, size); }
void *je_valloc(size_t size) { return granary_valloc(size); }
void *je_pvalloc(size_t size) { return granary_pvalloc(size); }
size_t je_malloc_usable_size(void *pointer) { return granary_malloc_usable_size(pointer); }

void *je_mallocx(size_t size, int flags) { return granary_mallocx(size, flags); }
void *je_rallocx(void *pointer, size_t size, int flags) {
	return granary_rallocx(pointer, size, flags);
}
size_t je_xallocx(void *pointer, size_t size, size_t extra, int flags) {
	return granary_xallocx(pointer, size, extra, flags);
}
size_t je_sallocx(const void *pointer, int flags) { return granary_sallocx(pointer, flags); }
void je_dallocx(void *pointer, int flags) { granary_dallocx(pointer, flags); }
void je_sdallocx(void *pointer, size_t size, int flags) {
	granary_sdallocx(pointer, size, flags);
}
size_t je_nallocx(size_t size, int flags) { return granary_nallocx(size, flags); }

void *je_malloc_with_usize(size_t size, size_t *usable) {
	return granary_malloc_with_usize(size, usable);
}
void *je_calloc_with_usize(size_t count, size_t size, size_t *usable) {
	return granary_calloc_with_usize(count, size, usable);
}
void *je_realloc_with_usize(void *pointer, size_t size, size_t *before, size_t *after) {
	return granary_realloc_with_usize(pointer, size, before, after);
}
void je_free_with_usize(void *pointer, size_t *usable) {
	granary_free_with_usize(pointer, usable);
}
int je_get_defrag_hint(void *pointer) { return granary_get_defrag_hint(pointer); }

int je_mallctl(const char *name, void *old_value, size_t *old_length, void *new_value,
               size_t new_length) {
	return granary_mallctl(name, old_value, old_length, new_value, new_length);
}
int je_mallctlnametomib(const char *name, size_t *mib, size_t *mib_length) {
	return granary_mallctlnametomib(name, mib, mib_length);
}
int je_mallctlbymib(const size_t *mib, size_t mib_length, void *old_value, size_t *old_length,
                    void *new_value, size_t new_length) {
	return granary_mallctlbymib(mib, mib_length, old_value, old_length, new_value, new_length);
}
void je_malloc_stats_print(void (*write)(void *opaque, const char *text), void *opaque,
                           const char *options) {
	granary_malloc_stats_print(write, opaque, options);
}
