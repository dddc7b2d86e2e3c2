// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// with_usize.cpp — the malloc family with the usable size as a second result.
//
// Role        What programs that keep accounts of their memory call instead of malloc and
//             malloc_usable_size. The size follows from the request, without a look at the region.
// Source      Names and signatures: Redis, src/zmalloc.c.
#include <granary/granary.h>

#include "alias.hpp"
#include "entry.hpp"

using namespace granary::capi;
namespace core = granary::core;

namespace {

/// @return pointer
void* with_size(void* pointer, size_t request, size_t* usable) noexcept {
    if (usable != nullptr)
        *usable = pointer == nullptr ? 0 : core::good_size(request);
    return pointer;
}

}  // namespace

void* granary_malloc_with_usize(size_t size, size_t* usable) noexcept {
    return with_size(malloc_entry(size), size, usable);
}

void* granary_calloc_with_usize(size_t count, size_t size, size_t* usable) noexcept {
    // Where the product overflows there is no pointer, and its size is not asked for.
    return with_size(calloc_entry(count, size), count * size, usable);
}

void* granary_realloc_with_usize(void* pointer, size_t size, size_t* old_usable,
                                 size_t* new_usable) noexcept {
    if (old_usable != nullptr)
        *old_usable = core::usable_size(pointer);
    return with_size(realloc_entry(pointer, size), size, new_usable);
}

void granary_free_with_usize(void* pointer, size_t* usable) noexcept {
    if (usable != nullptr)
        *usable = core::usable_size(pointer);
    free_entry(pointer);
}

#include <granary/capi/names_with_usize.hpp>
