/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * redis.c — what Redis's zmalloc.c demands of the header at compile time, and asserts at run time.
 */
#include <jemalloc/jemalloc.h>

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "probe.h"

#if !((JEMALLOC_VERSION_MAJOR == 2 && JEMALLOC_VERSION_MINOR >= 1) || (JEMALLOC_VERSION_MAJOR > 2))
#error "Newer version of jemalloc required"
#endif

#if !defined(JEMALLOC_ALLOC_WITH_USIZE) || !defined(JEMALLOC_FRAG_HINT)
#error "the calls that return sizes, or the hint"
#endif

static void ask(const char* name, void* value, size_t size) {
    size_t length = size;
    CHECK(je_mallctl(name, value, &length, NULL, 0) == 0 && length == size, "%s", name);
}

int main(void) {
    uint64_t epoch = 1;
    size_t length = sizeof epoch;
    CHECK(je_mallctl("epoch", &epoch, &length, &epoch, length) == 0, "epoch");
    size_t allocated = 0;
    size_t active = 0;
    size_t resident = 0;
    void* const region = je_mallocx(100000, MALLOCX_TCACHE_NONE);
    CHECK(region != NULL && je_malloc_usable_size(region) >= 100000, "je_mallocx");
    CHECK(je_mallctl("epoch", &epoch, &length, &epoch, length) == 0, "epoch");
    ask("stats.allocated", &allocated, sizeof allocated);
    ask("stats.active", &active, sizeof active);
    ask("stats.resident", &resident, sizeof resident);
    CHECK(allocated >= 100000 && allocated <= active && active <= resident, "%zu %zu %zu", allocated,
          active, resident);
    unsigned bins = 0;
    ask("arenas.nbins", &bins, sizeof bins);
    for (unsigned j = 0; j < bins; ++j) {
        char name[100];
        size_t size = 0;
        uint32_t regions = 0;
        size_t current = 0;
        snprintf(name, sizeof name, "arenas.bin.%u.size", j);
        ask(name, &size, sizeof size);
        snprintf(name, sizeof name, "arenas.bin.%u.nregs", j);
        ask(name, &regions, sizeof regions);
        CHECK(size > 0 && regions > 0, "bin %u: %zu, %u", j, size, regions);
        snprintf(name, sizeof name, "stats.arenas.%d.bins.%u.curregs", MALLCTL_ARENAS_ALL, j);
        ask(name, &current, sizeof current);
        snprintf(name, sizeof name, "stats.arenas.%d.bins.%u.curslabs", MALLCTL_ARENAS_ALL, j);
        ask(name, &current, sizeof current);
    }
    je_dallocx(region, MALLOCX_TCACHE_NONE);
    char* text = je_calloc(10, 10);
    text = je_realloc(text, 5000);
    CHECK(text != NULL && text[99] == 0, "je_realloc");
    je_free(text);
    size_t old_usable = 0;
    size_t usable = 0;
    void* sized = je_malloc_with_usize(100, &usable);
    CHECK(sized != NULL && usable == je_malloc_usable_size(sized), "je_malloc_with_usize");
    sized = je_realloc_with_usize(sized, 5000, &old_usable, &usable);
    CHECK(old_usable >= 100 && usable >= 5000 && je_get_defrag_hint(sized) <= 1, "je_realloc_with_usize");
    je_free_with_usize(sized, &old_usable);
    CHECK(old_usable == usable, "je_free_with_usize");
    sized = je_calloc_with_usize(3, 7, &usable);
    CHECK(sized != NULL && usable >= 21, "je_calloc_with_usize");
    je_free(sized);
    unsigned arenas = 0;
    ask("arenas.narenas", &arenas, sizeof arenas);
    char purge[32];
    snprintf(purge, sizeof purge, "arena.%u.purge", arenas);
    CHECK(je_mallctl(purge, NULL, 0, NULL, 0) == 0, "%s", purge);
    unsigned char background = 0;
    CHECK(je_mallctl("background_thread", NULL, 0, &background, 1) == 0, "background_thread");
    return 0;
}
