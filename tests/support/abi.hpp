// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// abi.hpp — the entry points under test, as a table of functions.
//
// Role        One test body, two bindings: abi_granary.cpp (the prefixed names) and abi_libc.cpp
//             (the libc names: glibc as the reference, or granary by LD_PRELOAD).
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace granary::tests {

/// jemalloc's calls with flags; the values of the flags are jemalloc's, too.
struct AllocxAbi {
    void* (*mallocx)(size_t, int);
    void* (*rallocx)(void*, size_t, int);
    size_t (*xallocx)(void*, size_t, size_t, int);
    size_t (*sallocx)(const void*, int);
    void (*dallocx)(void*, int);
    void (*sdallocx)(void*, size_t, int);
    size_t (*nallocx)(size_t, int);
    size_t (*alloc_batch)(size_t, int, void**, size_t);
    void (*free_batch)(void* const*, size_t);
};

/// Every entry point that allocates, frees or answers. A null member is one that this binding
/// does not have.
struct Abi {
    const char* name;
    void* (*malloc)(size_t);
    void* (*calloc)(size_t, size_t);
    void* (*realloc)(void*, size_t);
    void* (*reallocarray)(void*, size_t, size_t);
    void (*free)(void*);
    void (*free_sized)(void*, size_t);
    void (*free_aligned_sized)(void*, size_t, size_t);
    void* (*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void**, size_t, size_t);
    void* (*memalign)(size_t, size_t);
    void* (*valloc)(size_t);
    void* (*pvalloc)(size_t);
    size_t (*malloc_usable_size)(void*);
    bool (*owns)(const void*);
    int (*mallctl)(const char*, void*, size_t*, void*, size_t);
    const AllocxAbi* allocx;  ///< nullptr: not in this binding
    bool alone;               ///< nobody but the test allocates through this binding: totals are exact
};

/// The binding that this program was linked with.
[[nodiscard]] const Abi& tested_abi();

/// True if granary is behind the table, by whichever names.
[[nodiscard]] inline bool is_granary(const Abi& abi) { return abi.owns != nullptr; }

/// Bytes in live regions (`stats.allocated`) after an epoch; SIZE_MAX without mallctl.
[[nodiscard]] inline size_t allocated_bytes(const Abi& abi) {
    if (abi.mallctl == nullptr)
        return SIZE_MAX;
    uint64_t epoch = 1;
    if (abi.mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch) != 0)
        return SIZE_MAX;
    size_t value = 0;
    size_t length = sizeof value;
    if (abi.mallctl("stats.allocated", &value, &length, nullptr, 0) != 0)
        return SIZE_MAX;
    return value;
}

/// Returns the calling thread's cached regions to their runs. True if it worked, or if there is no
/// such thing: EFAULT says that the thread has no cache.
inline bool flush_thread_cache(const Abi& abi) {
    if (abi.mallctl == nullptr)
        return true;
    const int code = abi.mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
    return code == 0 || code == EFAULT;
}

/// Gives back every unused page of all arenas. True if it worked or has no meaning.
inline bool purge_all_arenas(const Abi& abi) {
    if (abi.mallctl == nullptr)
        return true;
    return abi.mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0) == 0;
}

}  // namespace granary::tests
