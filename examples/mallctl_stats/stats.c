/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * stats.c — statistics by name and by numbers; giving memory back. Names: docs/mallctl.md.
 *
 *   cc stats.c -lgranary -o stats
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <granary/granary.h>

enum { kRegions = 10000 };

static void must(int error, const char* what) {
    if (error != 0) {
        fprintf(stderr, "%s: error %d\n", what, error);
        exit(EXIT_FAILURE);
    }
}

/* Statistics are as of the last refresh. */
static void refresh(void) {
    uint64_t epoch = 1;
    must(granary_mallctl("epoch", NULL, NULL, &epoch, sizeof epoch), "epoch");
}

static size_t read_size(const char* name) {
    size_t value = 0;
    size_t length = sizeof value;
    must(granary_mallctl(name, &value, &length, NULL, 0), name);
    return value;
}

/* Every size class that is in use. The name is looked up once; then its number is replaced. */
static void print_classes(void) {
    unsigned classes = 0;
    size_t length = sizeof classes;
    must(granary_mallctl("arenas.nbins", &classes, &length, NULL, 0), "arenas.nbins");

    size_t size_mib[4];
    size_t size_depth = 4;
    must(granary_mallctlnametomib("arenas.bin.0.size", size_mib, &size_depth), "arenas.bin");
    size_t live_mib[6];
    size_t live_depth = 6;
    /* 4096 stands for all arenas together. */
    must(granary_mallctlnametomib("stats.arenas.4096.bins.0.curregs", live_mib, &live_depth),
         "stats.arenas");

    for (unsigned i = 0; i < classes; ++i) {
        size_t size = 0;
        size_t live = 0;
        size_mib[2] = i;
        live_mib[4] = i;
        length = sizeof size;
        must(granary_mallctlbymib(size_mib, size_depth, &size, &length, NULL, 0), "size");
        length = sizeof live;
        must(granary_mallctlbymib(live_mib, live_depth, &live, &length, NULL, 0), "curregs");
        if (live != 0) {
            printf("  %zu live regions in the class of %zu bytes\n", live, size);
        }
    }
}

int main(void) {
    static void* regions[kRegions];
    refresh();
    const size_t before = read_size("stats.allocated");

    for (int i = 0; i < kRegions; ++i) {
        regions[i] = granary_malloc(100);
        if (regions[i] == NULL) {
            perror("granary_malloc");
            return EXIT_FAILURE;
        }
    }
    refresh();
    printf("allocated: %zu bytes for %d regions of 100 bytes more\n",
           read_size("stats.allocated") - before, kRegions);
    print_classes();

    for (int i = 0; i < kRegions; ++i) {
        granary_free(regions[i]);
    }
    must(granary_mallctl("arena.4096.purge", NULL, NULL, NULL, 0), "purge");
    refresh();
    printf("after free and purge: allocated %zu, unused in memory %zu\n",
           read_size("stats.allocated"), read_size("stats.dirty"));
    return EXIT_SUCCESS;
}
