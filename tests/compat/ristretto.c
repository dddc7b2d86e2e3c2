/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * ristretto.c — the four functions that ristretto's and badger's C side calls, and CockroachDB's way
 *               of printing: JEMALLOC_NO_DEMANGLE, je_ names, and the text up to "arenas[".
 */
#define JEMALLOC_NO_DEMANGLE
#include <stdlib.h>
#include <jemalloc/jemalloc.h>

#include <stdint.h>
#include <string.h>

#include "probe.h"

static char text[1 << 20];
static size_t length;

static void collect(void* opaque, const char* piece) {
    (void)opaque;
    const size_t size = strlen(piece);
    CHECK(length + size < sizeof text, "the report is too long");
    memcpy(text + length, piece, size + 1);
    length += size;
}

int main(void) {
    void* const block = je_calloc(1, 1 << 20);
    CHECK(block != NULL, "je_calloc");
    static const char* const kNames[] = {"stats.allocated", "stats.active", "stats.resident",
                                         "stats.retained"};
    for (int i = 0; i < 4; ++i) {
        uint64_t epoch = 1;
        size_t size = sizeof epoch;
        CHECK(je_mallctl("epoch", &epoch, &size, &epoch, size) == 0, "epoch");
        uint64_t value = 0;
        CHECK(je_mallctl(kNames[i], &value, &size, NULL, 0) == 0 && size == 8, "%s", kNames[i]);
        CHECK(i == 3 || value >= 1 << 20, "%s is %llu", kNames[i], (unsigned long long)value);
    }
    je_malloc_stats_print(collect, NULL, "");
    const char* const cut = strstr(text, "arenas[");
    CHECK(cut != NULL && cut - text > 500, "no text before \"arenas[\"");
    length = 0;
    je_malloc_stats_print(collect, NULL, "mdablxe");
    CHECK(length > 100 && strstr(text, "arenas[") == NULL, "mdablxe leaves the arenas out");
    char purge[32];
    snprintf(purge, sizeof purge, "arena.%d.purge", MALLCTL_ARENAS_ALL);
    CHECK(je_mallctl(purge, NULL, NULL, NULL, 0) == 0, "%s", purge);
    je_free(block);
    return 0;
}
