/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * names.h — lets one subject be built for both libraries.
 *
 * Role        With SUBJECT_PREFIXED the heap_ names are granary's own, and the program links
 *             libgranary; without it they are the C library's, which LD_PRELOAD replaces.
 */
#ifndef GRANARY_TESTS_NAMES_H
#define GRANARY_TESTS_NAMES_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef SUBJECT_PREFIXED
#include <granary/granary.h>
#define heap_malloc granary_malloc
#define heap_calloc granary_calloc
#define heap_realloc granary_realloc
#define heap_free granary_free
#define heap_aligned_alloc granary_aligned_alloc
#define heap_free_sized granary_free_sized
#define heap_usable_size granary_malloc_usable_size
#define heap_mallctl granary_mallctl
#else
#include <malloc.h>
#define heap_malloc malloc
#define heap_calloc calloc
#define heap_realloc realloc
#define heap_free free
#define heap_aligned_alloc aligned_alloc
#define heap_usable_size malloc_usable_size
#ifdef __cplusplus
extern "C"
#else
extern
#endif
    __attribute__((weak)) int
    granary_mallctl(const char*, void*, size_t*, void*, size_t);
#define heap_mallctl(name, old, old_length, value, length) \
    (granary_mallctl != NULL ? granary_mallctl(name, old, old_length, value, length) : 0)
#endif

/* Ends the program with a line on stderr unless `condition` holds. Allocates nothing itself. */
#define CHECK(condition, ...)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                   \
            fputc('\n', stderr);                                            \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* A field of /proc/self/smaps_rollup in KiB ("Rss:", "Anonymous:"), exact, without stdio. */
static inline long smaps_kib(const char* field) {
    static char text[4096];
    const int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0, "cannot open /proc/self/smaps_rollup");
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    CHECK(length > 0, "cannot read /proc/self/smaps_rollup");
    text[length] = '\0';
    const char* const found = strstr(text, field);
    CHECK(found != NULL, "no %s in /proc/self/smaps_rollup", field);
    return strtol(found + strlen(field), NULL, 10);
}

static inline long rss_kib(void) { return smaps_kib("Rss:"); }

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline void sleep_ms(long ms) {
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* A small generator; `state` is the thread's own. */
static inline uint32_t next_random(uint64_t* state) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

static inline long argument_or(int argc, char** argv, int index, long fallback) {
    return argc > index ? strtol(argv[index], NULL, 10) : fallback;
}

#endif
