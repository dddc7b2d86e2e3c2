// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_entry.hpp — address -> page entry, in two loads.
//
// Role        The read side of the page map (src/meta/page_map.hpp writes it). Public only
//             because the inlined free needs it.
// Invariants  E1  A live run's pages have the tag {owner, class} and the detail run base times
//                 the class's reciprocal, modulo 2^32: one multiplication and one subtraction
//                 then tell whether an address is the start of a region.
//             E2  Pages that are not granary's have tag 0; owner ids start at 1, so 0 never
//                 looks like anybody's run.
//             E3  A root slot holds the address that entry 0 of the whole address space would
//                 have if the slot's leaf went on downwards; so the page's number is the index
//                 and needs no mask. A slot without a leaf is null.
// Locking     Lock-free. A page's entry is written before any pointer into it escapes and is
//             changed only after the last region in it was freed, so a correct program reads
//             a settled value; a wrong pointer reads some value, and every value is checked.
// Cost        Two dependent loads. The root is 1 MiB of .bss (2 MiB with 48 address bits) of
//             which only touched pages exist.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/attributes.hpp>

#include "granary/core/size_class.hpp"

namespace granary::core::detail {

#if defined(__x86_64__)
inline constexpr unsigned kAddressBits = 47;
#else
inline constexpr unsigned kAddressBits = 48;
#endif

inline constexpr unsigned kLeafShift = 30;
inline constexpr size_t kLeafPages = size_t{1} << (kLeafShift - kPageShift);
inline constexpr size_t kRootSlots = size_t{1} << (kAddressBits - kLeafShift);

/// What a tag says of its page beside the owner: a small class (a live run's page), or one of these.
enum PageCode : uint32_t {
    kLargeHead = 0xf0,  ///< first page of a live large region; detail: its pages
    kHugeHead = 0xf1,   ///< first page of a live huge block; detail: its pages
    kInterior = 0xf2,   ///< further page of a large region
    kFreedRun = 0xf3,   ///< was part of a run and is free now; detail: the class
    kFreedHead = 0xf4,  ///< was a head and is free now; detail: the pages
};
static_assert(kSmallClassCount <= kLargeHead);

inline constexpr uint32_t kCodeMask = 0xff;
inline constexpr unsigned kOwnerShift = 8;
/// Largest number of arenas: their indices fit the twelve bits of MALLOCX_ARENA.
inline constexpr uint32_t kMaxArenas = 4094;

/// The owner field of arena `index`, in place.
[[nodiscard]] constexpr uint32_t owner_key(uint32_t index) noexcept {
    return (index + 1) << kOwnerShift;
}
/// Matches no tag.
inline constexpr uint32_t kNoOwnerKey = 0xffffffU << kOwnerShift;

[[nodiscard]] constexpr uint32_t tag_code(uint32_t tag) noexcept { return tag & kCodeMask; }
/// Arena index; only for tags that are not 0.
[[nodiscard]] constexpr uint32_t tag_arena(uint32_t tag) noexcept {
    return (tag >> kOwnerShift) - 1;
}
/// True if the tag is that of a live run of somebody's.
[[nodiscard]] constexpr bool is_run_tag(uint32_t tag) noexcept {
    return tag != 0 && tag_code(tag) < kSmallClassCount;
}

struct PageEntry {
    std::atomic<uint32_t> tag;     ///< owner and code
    std::atomic<uint32_t> detail;  ///< as the code says (E1)
};
static_assert(sizeof(PageEntry) == 8);

/// The detail of a live run's pages.
[[nodiscard]] constexpr uint32_t run_bias(uintptr_t base, uint32_t reciprocal) noexcept {
    return static_cast<uint32_t>(base) * reciprocal;
}
/// True if `address`, which lies in a page of a run, is a multiple of the class's size away from
/// the run's base. Modulo 2^32 the products' difference is that of the offset (S2).
[[nodiscard]] constexpr bool is_region_start(uintptr_t address, uint32_t bias,
                                             uint32_t reciprocal) noexcept {
    return static_cast<uint32_t>(address) * reciprocal - bias < kStartBound;
}

extern constinit GRANARY_HIDDEN std::atomic<uintptr_t> g_page_map_root[kRootSlots];

/// The entries of the leaf that `address` lies in, to be indexed by the page's number (E3); nullptr
/// if the address is nowhere near granary's memory.
[[nodiscard]] GRANARY_ALWAYS_INLINE const PageEntry* find_leaf(uintptr_t address) noexcept {
    const uintptr_t slot = address >> kLeafShift;
    if (GRANARY_UNLIKELY(slot >= kRootSlots))
        return nullptr;
    // ORDER: relaxed; the program hands the pointer over with its own synchronisation (Locking).
    // SAFETY (E3): written by PageMap::cover() only.
    return reinterpret_cast<const PageEntry*>(
        g_page_map_root[slot].load(std::memory_order_relaxed));
}

/// The entry of the page at `address`; nullptr as above.
[[nodiscard]] GRANARY_ALWAYS_INLINE const PageEntry* find_entry(uintptr_t address) noexcept {
    const PageEntry* entries = find_leaf(address);
    return GRANARY_LIKELY(entries != nullptr) ? entries + (address >> kPageShift) : nullptr;
}

/// True if `address` is inside what the root covers (user addresses of this machine).
[[nodiscard]] constexpr bool is_mappable(uintptr_t address) noexcept {
    return (address >> kAddressBits) == 0;
}

/// The tag of the page at any `address`; 0 for what is not granary's.
[[nodiscard]] inline uint32_t page_tag(uintptr_t address) noexcept {
    const PageEntry* entry = find_entry(address);
    return entry == nullptr ? 0 : entry->tag.load(std::memory_order_relaxed);
}

}  // namespace granary::core::detail
