// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// folly.cpp — the question "is this jemalloc?" as folly's Malloc.h asks it: ten weak symbols, and a
//             counter of the thread that must move with its very next malloc.
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "probe.h"

extern "C" {
__attribute__((weak)) void* mallocx(size_t, int);
__attribute__((weak)) void* rallocx(void*, size_t, int);
__attribute__((weak)) size_t xallocx(void*, size_t, size_t, int);
__attribute__((weak)) size_t sallocx(const void*, int);
__attribute__((weak)) void dallocx(void*, int);
__attribute__((weak)) void sdallocx(void*, size_t, int);
__attribute__((weak)) size_t nallocx(size_t, int);
__attribute__((weak)) int mallctl(const char*, void*, size_t*, void*, size_t);
__attribute__((weak)) int mallctlnametomib(const char*, size_t*, size_t*);
__attribute__((weak)) int mallctlbymib(const size_t*, size_t, void*, size_t*, void*, size_t);
}

int main() {
    CHECK(mallocx && rallocx && xallocx && sallocx && dallocx && sdallocx && nallocx && mallctl &&
              mallctlnametomib && mallctlbymib,
          "a symbol is missing");
    volatile uint64_t* counter = nullptr;
    size_t length = sizeof counter;
    CHECK(mallctl("thread.allocatedp", static_cast<void*>(&counter), &length, nullptr, 0) == 0 &&
              length == sizeof counter,
          "thread.allocatedp");
    const uint64_t before = *counter;
    static void* volatile region = nullptr;
    region = malloc(1);
    CHECK(*counter > before, "malloc(1) did not move the counter");
    free(region);
    // The size classes that folly knows by heart, as far as they are in one page.
    for (const size_t size : {8U, 16U, 32U, 48U, 64U, 128U, 512U, 1024U, 2048U, 4096U})
        CHECK(nallocx(size, 0) == size, "nallocx(%zu) is %zu", size, nallocx(size, 0));
    constexpr int kZero = 0x40;
    auto* const aligned = static_cast<unsigned char*>(mallocx(5000, 12 | kZero));
    CHECK(aligned != nullptr && reinterpret_cast<uintptr_t>(aligned) % 4096 == 0, "alignment");
    for (size_t i = 0; i < 5000; ++i) CHECK(aligned[i] == 0, "byte %zu", i);
    sdallocx(aligned, 5000, 12);
    return 0;
}
