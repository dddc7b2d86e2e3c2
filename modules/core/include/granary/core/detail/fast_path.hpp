// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fast_path.hpp — the two inlined calls, and the minimum they need to see.
//
// Role        Rooms 2 and 3 of malloc and free when the thread cache hits. Everything else is
//             one out-of-line call in tail position. Public so that capi's functions *are* these.
// Invariants  F1  t_cache is never null: before a thread's first call, after its end, and in
//                 counting mode it points to kEmptyCache, whose bins are empty and full at once
//                 and whose owner key matches no page, so neither call tests for initialisation.
//             F2  base <= top <= limit; the slots [base, top) hold free regions of this thread's
//                 arena and of the bin's class.
//             F3  top[-1] and top[-2] may be read whenever top != limit: magazines begin with two
//                 null sentinels.
// Locking     Owner thread only; `top` and `base` are atomic so that statistics may look at them.
// Cost        No atomic read-modify-write, no call, two dependent loads to the region.
// Source      Magazines: Bonwick and Adams 2001. Owner and class in one page word: own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/attributes.hpp>

#include "granary/core/detail/page_entry.hpp"
#include "granary/core/size_class.hpp"

namespace granary::core {

namespace detail {

/// One class of a thread cache: a window on the current magazine.
struct CacheBin {
    std::atomic<void**> top;   ///< one past the newest region
    std::atomic<void**> base;  ///< first slot
    void** limit;              ///< one past the last slot
    uint32_t reciprocal;       ///< of the class, for the interior-pointer check
    uint32_t size;             ///< of the class, bytes
};
static_assert(sizeof(CacheBin) == 32);

/// What the fast path sees of a thread; ThreadState extends it.
struct CacheView {
    constexpr explicit CacheView(uint32_t key) noexcept : owner_key(key) {}

    std::array<CacheBin, kSmallClassCount> bins{};
    uint32_t owner_key;
    int32_t countdown = 0;  ///< frees until the next look at the clock
};

extern GRANARY_HIDDEN const CacheView kEmptyCache;

extern thread_local constinit GRANARY_HIDDEN CacheView* t_cache GRANARY_TLS_INITIAL_EXEC;

/// Everything but a hit: larger sizes, empty magazines, first call, counting mode, thread end.
[[nodiscard]] GRANARY_NOINLINE void* allocate_slow(size_t size) noexcept;
GRANARY_NOINLINE void deallocate_slow(void* pointer) noexcept;
/// A free that hit, but it is time to look at the clock: a thread that only ever hits must still
/// age its cache and decay its arena's pages.
GRANARY_NOINLINE void tick_slow() noexcept;

}  // namespace detail

/// Returns at least `size` bytes (a unique pointer for 0), 16-byte aligned from 16 bytes on.
///
/// @tparam Slow  what to call on a miss; capi passes one that sets errno.
/// @return       nullptr if out of memory or size > kMaxSize.
template <auto Slow = detail::allocate_slow>
[[nodiscard]] GRANARY_ALWAYS_INLINE void* allocate(size_t size) noexcept(noexcept(Slow(size))) {
    if (GRANARY_UNLIKELY(size > kLowMax))
        return Slow(size);
    detail::CacheBin& bin = detail::t_cache->bins[low_class(size)];
    void** const top = bin.top.load(std::memory_order_relaxed);
    if (GRANARY_UNLIKELY(top == bin.base.load(std::memory_order_relaxed)))
        return Slow(size);
    void* const region = top[-1];
    bin.top.store(top - 1, std::memory_order_relaxed);
    return region;
}

/// Frees a region; nullptr does nothing; anything else that is not a live region aborts.
GRANARY_ALWAYS_INLINE void deallocate(void* pointer) noexcept {
    // SAFETY (E2): the number is only looked up.
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    if (GRANARY_UNLIKELY(!detail::is_mappable(address)))
        return detail::deallocate_slow(pointer);
    detail::CacheView* const cache = detail::t_cache;
    const uint32_t mine = detail::page_entry(address) ^ cache->owner_key;
    if (GRANARY_UNLIKELY(mine > detail::kEntryRunMask))
        return detail::deallocate_slow(pointer);
    detail::CacheBin& bin = cache->bins[mine & detail::kEntryClassMask];
    const uint32_t offset =
        (mine & detail::kEntryPageMask) | (static_cast<uint32_t>(address) & (kPageSize - 1));
    void** const top = bin.top.load(std::memory_order_relaxed);
    if (GRANARY_UNLIKELY(!is_region_start(offset, bin.reciprocal) || top == bin.limit)) {
        return detail::deallocate_slow(pointer);
    }
    // A region freed twice in a row is caught here; other orders when it meets its run's bitmap.
    if (GRANARY_UNLIKELY(top[-1] == pointer || top[-2] == pointer)) {
        return detail::deallocate_slow(pointer);
    }
    *top = pointer;
    // ORDER: release, so that a forked child, which may see any prefix of this thread's stores,
    // never sees the count without the slot; free on x86.
    bin.top.store(top + 1, std::memory_order_release);
    if (GRANARY_UNLIKELY(--cache->countdown < 0))
        detail::tick_slow();
}

}  // namespace granary::core
