// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fast_relatives.hpp — the relatives of malloc and free, inlined where the thread cache serves them.
//
// Role        calloc, aligned_alloc, realloc, malloc_usable_size and the frees that are told a
//             size, for requests up to kLowMax. Everything else, mistakes too, is the function of
//             heap.hpp with the same name.
// Cost        A hit of malloc or free and what the question adds: about five instructions for an
//             alignment or a size.
#pragma once

#include <cstring>

#include "granary/core/detail/fast_path.hpp"
#include "granary/core/heap.hpp"

namespace granary::core::fast {

/// True if a region of aligned_size() bytes serves the request.
[[nodiscard]] constexpr bool is_low_aligned(size_t alignment, size_t size) noexcept {
    return ((size - 1) | (alignment - 1)) < kLowMax && (alignment & (alignment - 1)) == 0;
}
/// The least size that has regions at multiples of `alignment` only (S4).
[[nodiscard]] constexpr size_t aligned_size(size_t alignment, size_t size) noexcept {
    return (size + alignment - 1) & ~(alignment - 1);
}

/// Zeroes a region of `size` bytes, which is a class's.
GRANARY_ALWAYS_INLINE void zero(void* region, size_t size) noexcept {
    using Half = char __attribute__((vector_size(16), may_alias, aligned(8)));
    if (GRANARY_UNLIKELY(size > 128)) {
        std::memset(region, 0, size);
        return;
    }
    if (GRANARY_UNLIKELY(size < sizeof(Half))) {
        *static_cast<uint64_t*>(region) = 0;
        return;
    }
    // From both ends; they overlap for sizes between the powers of two.
    char* const first = static_cast<char*>(region);
    char* const last = first + size - sizeof(Half);
    // SAFETY: the caller gives the region away as memory without a type.
    const auto put = [](char* at) { *reinterpret_cast<Half*>(at) = Half{}; };
    put(first);
    put(last);
    if (size <= 32)
        return;
    put(first + 16);
    put(last - 16);
    if (size <= 64)
        return;
    put(first + 32);
    put(first + 48);
    put(last - 32);
    put(last - 48);
}

/// calloc. @tparam Slow what to call on a miss; it zeroes as well.
template <auto Slow>
[[nodiscard]] GRANARY_ALWAYS_INLINE void* allocate_zeroed(size_t size) noexcept {
    const size_t c = low_class(size);
    void* const region = detail::pop_own(c);
    if (GRANARY_UNLIKELY(region == nullptr))
        return Slow(size);
    zero(region, kSizeClasses[c].size);
    return region;
}

/// True if the live region that starts at `pointer` is this thread's and of class `wanted`: a realloc in
/// place.
[[nodiscard]] GRANARY_ALWAYS_INLINE bool fits(const void* pointer, unsigned wanted) noexcept {
    // SAFETY (E2): the number is only looked up.
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    const detail::PageEntry* const entry = detail::find_entry(address);
    if (GRANARY_UNLIKELY(entry == nullptr))
        return false;
    const detail::CacheView* const cache = detail::t_cache;
    const size_t c = entry->tag.load(std::memory_order_relaxed) ^ cache->owner_key;
    return c == wanted &&
           detail::is_region_start(address, entry->detail.load(std::memory_order_relaxed),
                                   cache->reciprocals[c]);
}

/// free_sized and sized delete.
GRANARY_ALWAYS_INLINE void deallocate_sized(void* pointer, size_t size) noexcept {
    if (GRANARY_UNLIKELY(size > kLowMax))
        return core::deallocate_sized(pointer, size);
    // SAFETY (E2): the number is only looked up.
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    const detail::PageEntry* const entries = detail::find_leaf(address);
    if (GRANARY_UNLIKELY(entries == nullptr))
        return core::deallocate_sized(pointer, size);
    const detail::PageEntry& entry = entries[address >> kPageShift];
    detail::CacheView* const cache = detail::t_cache;
    const size_t c = low_class(size);
    if (GRANARY_UNLIKELY(
            entry.tag.load(std::memory_order_relaxed) != (cache->owner_key | c) ||
            !detail::is_region_start(address, entry.detail.load(std::memory_order_relaxed),
                                     cache->reciprocals[c])))
        return core::deallocate_sized(pointer, size);
    detail::push_own(cache, pointer, c);
}

/// Frees a region made for (alignment, size).
GRANARY_ALWAYS_INLINE void deallocate_sized_aligned(void* pointer, size_t alignment,
                                                    size_t size) noexcept {
    if (GRANARY_LIKELY(is_low_aligned(alignment, size)))
        return deallocate_sized(pointer, aligned_size(alignment, size));
    core::deallocate_sized_aligned(pointer, alignment, size);
}

/// malloc_usable_size.
[[nodiscard]] GRANARY_ALWAYS_INLINE size_t usable_size(const void* pointer) noexcept {
    // SAFETY (E2): the number is only looked up.
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    const detail::PageEntry* const entry = detail::find_entry(address);
    if (GRANARY_UNLIKELY(entry == nullptr))
        return core::usable_size(pointer);
    const uint32_t tag = entry->tag.load(std::memory_order_relaxed);
    const unsigned code = detail::tag_code(tag);
    if (GRANARY_UNLIKELY(code >= kSmallClassCount || tag == 0))
        return core::usable_size(pointer);
    const SizeClass& cls = kSizeClasses[code];
    if (GRANARY_UNLIKELY(!detail::is_region_start(
            address, entry->detail.load(std::memory_order_relaxed), cls.reciprocal)))
        return core::usable_size(pointer);
    return cls.size;
}

}  // namespace granary::core::fast
