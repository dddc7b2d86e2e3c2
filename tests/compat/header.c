/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * header.c — jemalloc.h as a prefixed build's: JEMALLOC_MANGLE maps the plain names, in C99.
 */
#define GRANARY_JEMALLOC_PREFIXED
#define JEMALLOC_MANGLE
#include <jemalloc/jemalloc.h>

#include <string.h>

#include "probe.h"

#if !defined(JEMALLOC_VERSION_GID_IDENT) || !defined(MALLCTL_ARENAS_DESTROYED) || \
    !defined(EXTENT_ALLOC_FLAG_PINNED) || !defined(JEMALLOC_ALLOC_SIZE2) || !defined(JEMALLOC_EXPORT)
#error "a macro is missing"
#endif

static void* refuse(extent_hooks_t* hooks, void* address, size_t size, size_t alignment, bool* zero,
                    bool* commit, unsigned arena) {
    (void)hooks, (void)address, (void)size, (void)alignment, (void)zero, (void)commit, (void)arena;
    return NULL;
}

int main(void) {
    const extent_hooks_t hooks = {.alloc = refuse};
    CHECK(sizeof hooks == 9 * sizeof(void*) && hooks.merge == NULL, "nine hooks");
    CHECK(MALLOCX_ALIGN(1) == 0 && MALLOCX_ALIGN(4096) == 12 && MALLOCX_ALIGN((size_t)1 << 40) == 40,
          "MALLOCX_ALIGN");
    CHECK(MALLOCX_TCACHE_NONE == 0x100 && MALLOCX_TCACHE(0) == 0x200 && MALLOCX_ARENA(0) == 0x100000,
          "flags");
    void* const region = malloc(10);
    CHECK(region != NULL && malloc == je_malloc && free == je_free, "the names are mapped");
    free(region);
    CHECK(strcmp(JEMALLOC_VERSION, "5.3.1-0-g" JEMALLOC_VERSION_GID) == 0, "version");
    return 0;
}
