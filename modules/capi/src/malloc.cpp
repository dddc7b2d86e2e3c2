// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// malloc.cpp — the malloc family, under every name that the library has for it.
#include <granary/granary.h>

#include "alias.hpp"
#include "entry.hpp"

using namespace granary::capi;

void* granary_malloc(size_t size) noexcept { return malloc_entry(size); }

void granary_free(void* pointer) noexcept { free_entry(pointer); }

void* granary_calloc(size_t count, size_t size) noexcept { return calloc_entry(count, size); }

void* granary_realloc(void* pointer, size_t size) noexcept { return realloc_entry(pointer, size); }

void* granary_reallocarray(void* pointer, size_t count, size_t size) noexcept {
    return reallocarray_entry(pointer, count, size);
}

void granary_free_sized(void* pointer, size_t size) noexcept { free_sized_entry(pointer, size); }

#include <granary/capi/names_malloc.hpp>
