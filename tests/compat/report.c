/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* report.c — prints the report of whichever allocator is preloaded, with a destroyed arena in it.
 * usage: report <letters> */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void malloc_stats_print(void (*)(void*, const char*), void*, const char*) __attribute__((weak));
int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));

static void print(void* stream, const char* text) { fputs(text, stream); }

int main(int count, char** words) {
    void* kept[100];
    char name[64];
    unsigned arena = 0;
    size_t length = sizeof arena;
    if (count != 2 || malloc_stats_print == NULL || mallctl == NULL)
        return 2;
    for (int i = 0; i < 100; ++i) kept[i] = malloc((size_t)100 << (i % 12));
    for (int i = 0; i < 50; ++i) free(kept[i]);
    if (mallctl("arenas.create", &arena, &length, NULL, 0) != 0)
        return 1;
    snprintf(name, sizeof name, "arena.%u.destroy", arena);
    if (mallctl(name, NULL, NULL, NULL, 0) != 0)
        return 1;
    malloc_stats_print(print, stdout, words[1]);
    return 0;
}
