// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fast_path.hpp — malloc and free inlined, and the minimum they need to see.
//
// Role        Rooms 2 and 3 of malloc and free when the thread cache hits. Everything else is
//             one out-of-line call in tail position. Public so that capi's functions *are* these;
//             their relatives with sizes and alignments are in fast_relatives.hpp.
// Invariants  F1  t_cache is never null: before a thread's first call, after its end, and in
//                 counting mode it points to kEmptyCache, whose magazines are empty and full at
//                 once and whose owner key matches no page, so neither call tests for
//                 initialisation.
//             F2  the slots below tops[c], down to the first null one, hold free regions of this
//                 thread's arena and of class c. A magazine's slots end at a multiple of
//                 kMagazineAlignment, so a top that is one has no room above it.
//             F3  top[-1] and top[-2] may always be read: below a magazine's first slot are two
//                 null ones, so that "is it empty" is "is the newest slot null", and free looks
//                 at the two newest regions without asking how many there are.
// Locking     Owner thread only; `tops` is atomic so that statistics may look at them.
// Cost        No atomic read-modify-write, no call, two dependent loads to the region.
// Source      Magazines: Bonwick and Adams 2001. Owner and class in one page word: own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/attributes.hpp>

#include "granary/core/detail/large_slots.hpp"
#include "granary/core/detail/page_entry.hpp"
#include "granary/core/size_class.hpp"

namespace granary::core {

namespace detail {

/// A magazine in bytes, and its alignment.
inline constexpr size_t kMagazineAlignment = 512;

/// Stands in for the magazine of a class that has none: empty and full at once (F2, F3).
struct alignas(kMagazineAlignment) NoSlots {
    void* slots[kMagazineAlignment / sizeof(void*)];

    [[nodiscard]] constexpr void** top() noexcept {
        return &slots[0] + kMagazineAlignment / sizeof(void*);
    }
};
extern GRANARY_HIDDEN NoSlots g_no_slots;

/// One past the newest region of a class's magazine.
struct MagazineTop : std::atomic<void**> {
    constexpr MagazineTop() noexcept : std::atomic<void**>(g_no_slots.top()) {}
};

/// What the fast path sees of a thread; ThreadState extends it. Arrays by class, so that a class is
/// its own index.
struct CacheView {
    constexpr explicit CacheView(uint32_t key) noexcept : owner_key(key) {}

    std::array<MagazineTop, kSmallClassCount> tops{};
    uint32_t owner_key;
    int32_t countdown = 0;  ///< frees until the next look at the clock
    std::array<uint32_t, kSmallClassCount> reciprocals{};  ///< for the interior-pointer check
    LargeSlots large;
};

extern GRANARY_HIDDEN const CacheView kEmptyCache;

extern thread_local constinit GRANARY_HIDDEN CacheView* t_cache GRANARY_TLS_INITIAL_EXEC;

/// Everything but a hit: huge sizes, empty magazines, first call, counting mode, thread end.
[[nodiscard]] GRANARY_NOINLINE void* allocate_slow(size_t size) noexcept;
GRANARY_NOINLINE void deallocate_slow(void* pointer) noexcept;
/// A small region of another arena, or what looks like one. @param tag of its page, with a small class
GRANARY_NOINLINE void deallocate_remote(void* pointer, uint32_t tag,
                                        const PageEntry& entry) noexcept;
/// A large region that was just put into the slots took the place of this one (J1 of
/// large_slots.hpp), or found no room itself.
GRANARY_NOINLINE void release_displaced(uintptr_t word) noexcept;
/// A free of an own region whose magazine is full.
GRANARY_NOINLINE void deallocate_full(void* pointer, size_t size_class) noexcept;
/// A free that hit, but it is time to look at the clock: a thread that only ever hits must still
/// age its cache and decay its arena's pages.
GRANARY_NOINLINE void tick_slow() noexcept;

/// A malloc that hits: the newest region of class `c`; nullptr if there is none.
[[nodiscard]] GRANARY_ALWAYS_INLINE void* pop_own(size_t c) noexcept {
    CacheView* const cache = t_cache;
    void** const top = cache->tops[c].load(std::memory_order_relaxed) - 1;
    void* const region = *top;
    if (GRANARY_LIKELY(region != nullptr))
        cache->tops[c].store(top, std::memory_order_relaxed);
    return region;
}

/// Hits beyond the sizes that malloc itself looks up.
template <auto Slow>
[[nodiscard]] GRANARY_NOINLINE void* allocate_medium(size_t size) noexcept(noexcept(Slow(size))) {
    if (size <= kSmallMax) {
        void* const region = pop_own(high_class(size));
        return GRANARY_LIKELY(region != nullptr) ? region : Slow(size);
    }
    CacheView* const cache = t_cache;
    if (size <= kLargeMaxPages << kPageShift) {
        const uintptr_t address = cache->large.take(pages_for(size));
        if (GRANARY_LIKELY(address != 0)) {
            // SAFETY (J1): a region of this thread's arena, whose head says "freed".
            const_cast<PageEntry*>(find_leaf(address))[address >> kPageShift].tag.store(
                cache->owner_key | kLargeHead, std::memory_order_relaxed);
            return reinterpret_cast<void*>(address);
        }
    }
    return Slow(size);
}

/// Frees that hit beyond small regions of the thread's own: its large ones, and others' small ones.
GRANARY_NOINLINE inline void deallocate_elsewhere(void* pointer, const PageEntry& found) noexcept {
    const uint32_t tag = found.tag.load(std::memory_order_relaxed);
    if (GRANARY_LIKELY(tag_code(tag) < kSmallClassCount))
        return deallocate_remote(pointer, tag, found);
    // SAFETY (E2): the number is only looked up.
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    CacheView* const cache = t_cache;
    uint32_t live = cache->owner_key | kLargeHead;
    if (tag != live || address % kPageSize != 0)
        return deallocate_slow(pointer);
    // Of two threads that free the region at once, one gets past this.
    // SAFETY (E3): entries are written by whoever owns what they describe.
    if (!const_cast<PageEntry&>(found).tag.compare_exchange_strong(
            live, cache->owner_key | kFreedHead, std::memory_order_relaxed))
        return deallocate_slow(pointer);
    const uintptr_t displaced =
        cache->large.keep(address, found.detail.load(std::memory_order_relaxed));
    if (GRANARY_UNLIKELY(displaced != 0))
        return release_displaced(displaced);
    if (GRANARY_UNLIKELY(--cache->countdown < 0))
        tick_slow();
}

/// The end of a free that hits: a region of the thread's own, of class `c`, becomes the newest one.
GRANARY_ALWAYS_INLINE void push_own(CacheView* cache, void* pointer, size_t c) noexcept {
    void** const top = cache->tops[c].load(std::memory_order_relaxed);
    // SAFETY (F2): the number is only looked at.
    if (GRANARY_UNLIKELY(reinterpret_cast<uintptr_t>(top) % kMagazineAlignment == 0))
        return deallocate_full(pointer, c);
    // A region freed twice in a row is caught here; other orders when it meets its run's bitmap.
    if (GRANARY_UNLIKELY(top[-1] == pointer || top[-2] == pointer))
        return deallocate_slow(pointer);
    *top = pointer;
    // ORDER: release, so that a forked child, which may see any prefix of this thread's stores,
    // never sees the count without the slot; free on x86.
    cache->tops[c].store(top + 1, std::memory_order_release);
    if (GRANARY_UNLIKELY(--cache->countdown < 0))
        tick_slow();
}

}  // namespace detail

/// Returns at least `size` bytes (a unique pointer for 0), 16-byte aligned from 16 bytes on.
///
/// @tparam Slow  what to call on a miss; capi passes one that sets errno.
/// @return       nullptr if out of memory or size > kMaxSize.
template <auto Slow = detail::allocate_slow>
[[nodiscard]] GRANARY_ALWAYS_INLINE void* allocate(size_t size) noexcept(noexcept(Slow(size))) {
    if (GRANARY_UNLIKELY(size > kLowMax))
        return detail::allocate_medium<Slow>(size);
    void* const region = detail::pop_own(low_class(size));
    return GRANARY_LIKELY(region != nullptr) ? region : Slow(size);
}

/// Frees a region; nullptr does nothing; anything else that is not a live region aborts.
GRANARY_ALWAYS_INLINE void deallocate(void* pointer) noexcept {
    // SAFETY (E2): the number is only looked up.
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    const detail::PageEntry* const entries = detail::find_leaf(address);
    if (GRANARY_UNLIKELY(entries == nullptr))
        return detail::deallocate_slow(pointer);
    const detail::PageEntry& entry = entries[address >> kPageShift];
    detail::CacheView* const cache = detail::t_cache;
    // PERF: as wide as a pointer, for indexing and for passing on without an extension.
    const size_t c = entry.tag.load(std::memory_order_relaxed) ^ cache->owner_key;
    if (GRANARY_UNLIKELY(c >= kSmallClassCount))
        return detail::deallocate_elsewhere(pointer, entry);
    if (GRANARY_UNLIKELY(!detail::is_region_start(
            address, entry.detail.load(std::memory_order_relaxed), cache->reciprocals[c])))
        return detail::deallocate_slow(pointer);
    detail::push_own(cache, pointer, c);
}

}  // namespace granary::core
