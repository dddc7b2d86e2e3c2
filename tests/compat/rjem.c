/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * rjem.c — what tikv-jemalloc-sys declares, linked with libgranary_rjem.a as JEMALLOC_OVERRIDE does.
 *          The process keeps its own malloc.
 */
#include <stdint.h>
#include <string.h>

#include "probe.h"

extern void* _rjem_malloc(size_t);
extern void* _rjem_calloc(size_t, size_t);
extern int _rjem_posix_memalign(void**, size_t, size_t);
extern void* _rjem_aligned_alloc(size_t, size_t);
extern void* _rjem_realloc(void*, size_t);
extern void _rjem_free(void*);
extern void* _rjem_mallocx(size_t, int);
extern void* _rjem_rallocx(void*, size_t, int);
extern size_t _rjem_xallocx(void*, size_t, size_t, int);
extern size_t _rjem_sallocx(const void*, int);
extern void _rjem_dallocx(void*, int);
extern void _rjem_sdallocx(void*, size_t, int);
extern size_t _rjem_nallocx(size_t, int);
extern int _rjem_mallctl(const char*, void*, size_t*, void*, size_t);
extern int _rjem_mallctlnametomib(const char*, size_t*, size_t*);
extern int _rjem_mallctlbymib(const size_t*, size_t, void*, size_t*, void*, size_t);
extern void _rjem_malloc_stats_print(void (*)(void*, const char*), void*, const char*);
extern size_t _rjem_malloc_usable_size(const void*);
extern void (*_rjem_malloc_message)(void*, const char*);

const char* _rjem_malloc_conf = "narenas:7,dirty_decay_ms:123";

static int messages;
static void count_message(void* opaque, const char* text) {
    (void)opaque;
    messages += text[0] != '\0';
}

int main(void) {
    unsigned narenas = 0;
    size_t size = sizeof narenas;
    CHECK(_rjem_mallctl("opt.narenas", &narenas, &size, NULL, 0) == 0 && narenas == 7,
          "opt.narenas is %u", narenas);
    intptr_t decay = 0;
    size = sizeof decay;
    CHECK(_rjem_mallctl("opt.dirty_decay_ms", &decay, &size, NULL, 0) == 0, "opt.dirty_decay_ms");
    printf("%ld\n", (long)decay);
    void* region = _rjem_mallocx(1000, 6 | 0x40);
    CHECK(region != NULL && _rjem_sallocx(region, 0) == _rjem_nallocx(1000, 6), "mallocx");
    region = _rjem_rallocx(region, 5000, 6);
    CHECK(_rjem_xallocx(region, 5000, 0, 6) >= 5000, "xallocx");
    _rjem_sdallocx(region, 5000, 6);
    CHECK(_rjem_posix_memalign(&region, 64, 100) == 0, "posix_memalign");
    CHECK(_rjem_malloc_usable_size(region) >= 100, "usable size");
    _rjem_free(region);
    _rjem_free(_rjem_realloc(_rjem_calloc(3, 5), 100));
    _rjem_dallocx(_rjem_aligned_alloc(64, 64), 0);
    size_t mib[4];
    size_t depth = 4;
    uint64_t epoch = 1;
    size = sizeof epoch;
    CHECK(_rjem_mallctlnametomib("epoch", mib, &depth) == 0 &&
              _rjem_mallctlbymib(mib, depth, &epoch, &size, &epoch, size) == 0,
          "epoch by its numbers");
    _rjem_malloc_message = count_message;
    _rjem_malloc_stats_print(NULL, NULL, "abx");
    CHECK(messages > 0, "the report did not go to _rjem_malloc_message");
    /* The process's own malloc is the C library's: its memory is not granary's. */
    void* const others = malloc(100);
    void* const ours = _rjem_malloc(100);
    CHECK(others != NULL && ours != NULL, "no memory");
    free(others);
    _rjem_free(ours);
    return 0;
}
