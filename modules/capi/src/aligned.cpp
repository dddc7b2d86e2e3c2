// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// aligned.cpp — the aligned functions, under every name that the library has for them.
#include <granary/granary.h>

#include "alias.hpp"
#include "entry.hpp"

using namespace granary::capi;

void* granary_aligned_alloc(size_t alignment, size_t size) noexcept {
    return aligned_alloc_entry(alignment, size);
}

int granary_posix_memalign(void** out, size_t alignment, size_t size) noexcept {
    return posix_memalign_entry(out, alignment, size);
}

void* granary_memalign(size_t alignment, size_t size) noexcept {
    return aligned_alloc_entry(alignment, size);
}

void* granary_valloc(size_t size) noexcept { return valloc_entry(size); }

void* granary_pvalloc(size_t size) noexcept { return pvalloc_entry(size); }

void granary_free_aligned_sized(void* pointer, size_t alignment, size_t size) noexcept {
    free_aligned_sized_entry(pointer, alignment, size);
}

#include <granary/capi/names_aligned.hpp>
