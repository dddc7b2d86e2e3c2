// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// rocksdb.cpp — RocksDB's way: the header with JEMALLOC_MANGLE, then its own weak declarations of the
//               same functions, spelled with the header's macros; all twelve must be there.
#define JEMALLOC_MANGLE
#include <jemalloc/jemalloc.h>

#include "probe.h"

#ifndef JEMALLOC_CXX_THROW
#error "JEMALLOC_CXX_THROW"
#endif

extern "C" {
JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_NOTHROW* mallocx(size_t, int)
    JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(1) __attribute__((__weak__));
JEMALLOC_ALLOCATOR JEMALLOC_RESTRICT_RETURN void JEMALLOC_NOTHROW* rallocx(void*, size_t, int)
    JEMALLOC_ALLOC_SIZE(2) __attribute__((__weak__));
size_t JEMALLOC_NOTHROW xallocx(void*, size_t, size_t, int) __attribute__((__weak__));
size_t JEMALLOC_NOTHROW sallocx(const void*, int) JEMALLOC_ATTR(pure) __attribute__((__weak__));
void JEMALLOC_NOTHROW dallocx(void*, int) __attribute__((__weak__));
void JEMALLOC_NOTHROW sdallocx(void*, size_t, int) __attribute__((__weak__));
size_t JEMALLOC_NOTHROW nallocx(size_t, int) JEMALLOC_ATTR(pure) __attribute__((__weak__));
int JEMALLOC_NOTHROW mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((__weak__));
int JEMALLOC_NOTHROW mallctlnametomib(const char*, size_t*, size_t*) __attribute__((__weak__));
int JEMALLOC_NOTHROW mallctlbymib(const size_t*, size_t, void*, size_t*, void*, size_t)
    __attribute__((__weak__));
void JEMALLOC_NOTHROW malloc_stats_print(void (*)(void*, const char*), void*, const char*)
    __attribute__((__weak__));
size_t JEMALLOC_NOTHROW malloc_usable_size(JEMALLOC_USABLE_SIZE_CONST void*) JEMALLOC_CXX_THROW
    __attribute__((__weak__));
}

int main() {
    // A compiler folds a comparison of what it thinks is always there.
    void* volatile symbols[] = {
        reinterpret_cast<void*>(&mallocx),          reinterpret_cast<void*>(&rallocx),
        reinterpret_cast<void*>(&xallocx),          reinterpret_cast<void*>(&sallocx),
        reinterpret_cast<void*>(&dallocx),          reinterpret_cast<void*>(&sdallocx),
        reinterpret_cast<void*>(&nallocx),          reinterpret_cast<void*>(&mallctl),
        reinterpret_cast<void*>(&mallctlnametomib), reinterpret_cast<void*>(&mallctlbymib),
        reinterpret_cast<void*>(&malloc_stats_print), reinterpret_cast<void*>(&malloc_usable_size)};
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; ++i)
        CHECK(symbols[i] != nullptr, "symbol %zu is missing", i);
    void* const region = mallocx(1000, MALLOCX_ALIGN(64) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO);
    CHECK(region != nullptr && reinterpret_cast<uintptr_t>(region) % 64 == 0, "mallocx");
    CHECK(malloc_usable_size(region) == sallocx(region, 0), "usable size");
    dallocx(region, MALLOCX_TCACHE_NONE);
    // One library has both: what the C library's name gave may go to the other's.
    dallocx(malloc(100), 0);
    return 0;
}
