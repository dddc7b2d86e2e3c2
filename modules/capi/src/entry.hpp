// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// entry.hpp — what the C functions do, once.
//
// Role        Room 1 of malloc and free. malloc.cpp and aligned.cpp give these bodies names: the
//             prefixed ones, and as aliases of them all others that a library has (names.txt).
// Invariants  Y1  errno is set on failure only, by out-of-line code: a hit neither touches it nor
//                 tests for it.
//             Y2  what frees never changes errno; core makes raw system calls only.
// Source      C17 7.22.3, POSIX.1-2024, glibc's manual for memalign, valloc and pvalloc.
#pragma once

#include <cerrno>
#include <cstddef>

#include <granary/base/attributes.hpp>
#include <granary/base/bits.hpp>
#include <granary/core/detail/fast_path.hpp>
#include <granary/core/detail/fast_relatives.hpp>
#include <granary/core/heap.hpp>
#include <granary/os/pages.hpp>

namespace granary::capi {

/// What a call that returns an error number returns when memory is exhausted.
[[nodiscard]] int no_memory() noexcept;

/// The end of every failed call: sets errno and returns the null pointer.
[[nodiscard]] void* fail(int error) noexcept;

/// What a missed malloc does: core's slow path, and ENOMEM if that fails.
[[nodiscard]] void* allocate_miss(size_t size) noexcept;

/// The same calls for any arguments but those that the inline entries below serve themselves.
[[nodiscard]] void* calloc_slow(size_t size) noexcept;
[[nodiscard]] void* realloc_slow(void* pointer, size_t size) noexcept;
[[nodiscard]] void* aligned_alloc_slow(size_t alignment, size_t size) noexcept;
[[nodiscard]] int posix_memalign_slow(void** out, size_t alignment, size_t size) noexcept;

/// The size of an aligned region: a request for nothing still gets an address of its own.
[[nodiscard]] constexpr size_t at_least_one(size_t size) noexcept { return size == 0 ? 1 : size; }

[[nodiscard]] GRANARY_ALWAYS_INLINE void* or_no_memory(void* pointer) noexcept {
    return GRANARY_LIKELY(pointer != nullptr) ? pointer : fail(ENOMEM);
}

[[nodiscard]] GRANARY_ALWAYS_INLINE void* malloc_entry(size_t size) noexcept {
    return core::allocate<allocate_miss>(size);
}

GRANARY_ALWAYS_INLINE void free_entry(void* pointer) noexcept { core::deallocate(pointer); }

[[nodiscard]] GRANARY_ALWAYS_INLINE void* calloc_entry(size_t count, size_t size) noexcept {
    size_t total = 0;
    if (GRANARY_UNLIKELY(base::mul_overflows(count, size, total)))
        return fail(ENOMEM);
    if (GRANARY_UNLIKELY(total > core::kLowMax))
        return calloc_slow(total);
    return core::fast::allocate_zeroed<calloc_slow>(total);
}

[[nodiscard]] GRANARY_ALWAYS_INLINE void* realloc_entry(void* pointer, size_t size) noexcept {
    if (size - 1 < core::kLowMax && core::fast::fits(pointer, core::low_class(size)))
        return pointer;
    return realloc_slow(pointer, size);
}

[[nodiscard]] GRANARY_ALWAYS_INLINE void* reallocarray_entry(void* pointer, size_t count,
                                                             size_t size) noexcept {
    size_t total = 0;
    if (GRANARY_UNLIKELY(base::mul_overflows(count, size, total)))
        return fail(ENOMEM);
    return realloc_entry(pointer, total);
}

GRANARY_ALWAYS_INLINE void free_sized_entry(void* pointer, size_t size) noexcept {
    core::fast::deallocate_sized(pointer, size);
}

GRANARY_ALWAYS_INLINE void free_aligned_sized_entry(void* pointer, size_t alignment,
                                                    size_t size) noexcept {
    if (GRANARY_LIKELY(pointer != nullptr))
        core::fast::deallocate_sized_aligned(pointer, alignment, at_least_one(size));
}

[[nodiscard]] GRANARY_ALWAYS_INLINE void* aligned_alloc_entry(size_t alignment,
                                                              size_t size) noexcept {
    if (GRANARY_LIKELY(core::fast::is_low_aligned(alignment, size)))
        return core::allocate<allocate_miss>(core::fast::aligned_size(alignment, size));
    return aligned_alloc_slow(alignment, size);
}

[[nodiscard]] GRANARY_ALWAYS_INLINE int posix_memalign_entry(void** out, size_t alignment,
                                                             size_t size) noexcept {
    if (GRANARY_UNLIKELY(alignment < sizeof(void*) ||
                         !core::fast::is_low_aligned(alignment, size)))
        return posix_memalign_slow(out, alignment, size);
    void* const pointer = core::allocate(core::fast::aligned_size(alignment, size));
    if (GRANARY_UNLIKELY(pointer == nullptr))
        return no_memory();
    *out = pointer;
    return 0;
}

[[nodiscard]] GRANARY_ALWAYS_INLINE void* valloc_entry(size_t size) noexcept {
    return or_no_memory(core::allocate_aligned(os::page_size(), at_least_one(size)));
}

[[nodiscard]] GRANARY_ALWAYS_INLINE void* pvalloc_entry(size_t size) noexcept {
    const size_t page = os::page_size();
    const size_t rounded = base::align_up(at_least_one(size), page);
    if (GRANARY_UNLIKELY(rounded == 0))
        return fail(ENOMEM);  // Rounding wrapped around.
    return or_no_memory(core::allocate_aligned(page, rounded));
}

}  // namespace granary::capi
