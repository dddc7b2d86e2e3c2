// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// abi_libc.cpp — the table of entry points, bound to the names of the C library.
//
// Role        Under LD_PRELOAD these are granary's; without it, the reference that shows that a
//             test asks nothing that only granary does. C23's sized frees and granary's
//             own calls are looked up at run time, because older C libraries lack them.
#include <dlfcn.h>
#include <malloc.h>

#include <cstdlib>

#include "abi.hpp"

namespace granary::tests {
namespace {

template <typename Function>
Function look_up(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));  // SAFETY: POSIX function lookup.
}

using OwnsFunction = int (*)(const void*);

OwnsFunction found_owns() {
    static const OwnsFunction kFound = look_up<OwnsFunction>("granary_owns");
    return kFound;
}

/// granary's calls with flags, where it is preloaded.
const AllocxAbi* found_allocx() {
    static const AllocxAbi kFound = {
        look_up<void* (*)(size_t, int)>("granary_mallocx"),
        look_up<void* (*)(void*, size_t, int)>("granary_rallocx"),
        look_up<size_t (*)(void*, size_t, size_t, int)>("granary_xallocx"),
        look_up<size_t (*)(const void*, int)>("granary_sallocx"),
        look_up<void (*)(void*, int)>("granary_dallocx"),
        look_up<void (*)(void*, size_t, int)>("granary_sdallocx"),
        look_up<size_t (*)(size_t, int)>("granary_nallocx"),
        look_up<size_t (*)(size_t, int, void**, size_t)>("granary_alloc_batch"),
        look_up<void (*)(void* const*, size_t)>("granary_free_batch"),
    };
    return kFound.mallocx == nullptr ? nullptr : &kFound;
}

void free_ignoring_size(void* pointer, size_t) { std::free(pointer); }
void free_ignoring_alignment(void* pointer, size_t, size_t) { std::free(pointer); }

}  // namespace

const Abi& tested_abi() {
    static const Abi kAbi = [] {
        Abi abi = {
            "libc",
            std::malloc,
            std::calloc,
            std::realloc,
            ::reallocarray,
            std::free,
            look_up<void (*)(void*, size_t)>("free_sized"),
            look_up<void (*)(void*, size_t, size_t)>("free_aligned_sized"),
            ::aligned_alloc,
            ::posix_memalign,
            ::memalign,
            ::valloc,
            ::pvalloc,
            ::malloc_usable_size,
            nullptr,
            look_up<int (*)(const char*, void*, size_t*, void*, size_t)>("granary_mallctl"),
            found_allocx(),
            false,
        };
        if (abi.free_sized == nullptr)
            abi.free_sized = free_ignoring_size;
        if (abi.free_aligned_sized == nullptr)
            abi.free_aligned_sized = free_ignoring_alignment;
        if (found_owns() != nullptr) {
            abi.owns = [](const void* p) -> bool { return found_owns()(p) != 0; };
        }
        return abi;
    }();
    return kAbi;
}

}  // namespace granary::tests
