// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// override_malloc.cpp — the C library's names for libgranary_malloc, and the prefixed names as
//                       aliases of them: one body per function.
//
// Role        Takes the place of malloc.cpp and aligned.cpp.
#include "entry.hpp"

using namespace granary::capi;

// GCC wants an alias to promise what its target's declaration in the C library promises.
#if __has_attribute(copy)
#define GRANARY_ALIAS(target) __attribute__((visibility("default"), alias(#target), copy(target)))
#else
#define GRANARY_ALIAS(target) __attribute__((visibility("default"), alias(#target)))
#endif

extern "C" {

GRANARY_EXPORT void* malloc(size_t size) noexcept { return malloc_entry(size); }
GRANARY_EXPORT void free(void* pointer) noexcept { free_entry(pointer); }
GRANARY_EXPORT void* calloc(size_t count, size_t size) noexcept {
    return calloc_entry(count, size);
}
GRANARY_EXPORT void* realloc(void* pointer, size_t size) noexcept {
    return realloc_entry(pointer, size);
}
GRANARY_EXPORT void* reallocarray(void* pointer, size_t count, size_t size) noexcept {
    return reallocarray_entry(pointer, count, size);
}
GRANARY_EXPORT void free_sized(void* pointer, size_t size) noexcept {
    free_sized_entry(pointer, size);
}
GRANARY_EXPORT void free_aligned_sized(void* pointer, size_t alignment, size_t size) noexcept {
    free_aligned_sized_entry(pointer, alignment, size);
}
GRANARY_EXPORT void* aligned_alloc(size_t alignment, size_t size) noexcept {
    return aligned_alloc_entry(alignment, size);
}
GRANARY_EXPORT int posix_memalign(void** out, size_t alignment, size_t size) noexcept {
    return posix_memalign_entry(out, alignment, size);
}
GRANARY_EXPORT void* valloc(size_t size) noexcept { return valloc_entry(size); }
GRANARY_EXPORT void* pvalloc(size_t size) noexcept { return pvalloc_entry(size); }

GRANARY_ALIAS(aligned_alloc) void* memalign(size_t, size_t) noexcept;
GRANARY_ALIAS(free) void cfree(void*) noexcept;

GRANARY_ALIAS(malloc) void* granary_malloc(size_t) noexcept;
GRANARY_ALIAS(free) void granary_free(void*) noexcept;
GRANARY_ALIAS(calloc) void* granary_calloc(size_t, size_t) noexcept;
GRANARY_ALIAS(realloc) void* granary_realloc(void*, size_t) noexcept;
GRANARY_ALIAS(reallocarray) void* granary_reallocarray(void*, size_t, size_t) noexcept;
GRANARY_ALIAS(free_sized) void granary_free_sized(void*, size_t) noexcept;
GRANARY_ALIAS(free_aligned_sized) void granary_free_aligned_sized(void*, size_t, size_t) noexcept;
GRANARY_ALIAS(aligned_alloc) void* granary_aligned_alloc(size_t, size_t) noexcept;
GRANARY_ALIAS(posix_memalign) int granary_posix_memalign(void**, size_t, size_t) noexcept;
GRANARY_ALIAS(aligned_alloc) void* granary_memalign(size_t, size_t) noexcept;
GRANARY_ALIAS(valloc) void* granary_valloc(size_t) noexcept;
GRANARY_ALIAS(pvalloc) void* granary_pvalloc(size_t) noexcept;

}  // extern "C"
