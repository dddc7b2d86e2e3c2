// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_entry.hpp — address -> page entry, in two loads and no branch.
//
// Role        The read side of the page map (src/meta/page_map.hpp writes it). Public only
//             because the inlined free needs it.
// Invariants  E1  The entry of a page of a live run is {owner, class, page in run}; kind 0.
//             E2  Pages that are not granary's have entry 0; owner ids start at 1, so 0 never
//                 looks like anybody's run.
// Locking     Lock-free. A page's entry is written before any pointer into it escapes and is
//             changed only after the last region in it was freed, so a correct program reads
//             a settled value; a wrong pointer reads some value, and every value is checked.
// Cost        Two dependent loads. The root is 1 MiB of .bss (2 MiB with 48 address bits) of
//             which only touched pages exist; an empty root slot leads to one shared leaf of zeros.
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

/// What a page entry says of its page.
enum class PageKind : uint32_t {
    run = 0,       ///< part of a live run (if the owner is not 0)
    head = 1,      ///< first page of a live large region or huge block
    interior = 2,  ///< further page of a live large region
    freed = 3,     ///< was one of these and is free now: names a double free
};

inline constexpr uint32_t kEntryClassMask = 0xff;
inline constexpr uint32_t kEntryPageMask = 0x3f000;  // page in run, already times kPageSize
inline constexpr unsigned kEntryKindShift = 18;
inline constexpr unsigned kEntryOwnerShift = 20;
inline constexpr uint32_t kEntryRunMask = (1U << kEntryKindShift) - 1;
/// Largest arena index: owner ids are 12 bits, 0 is nobody and 4095 the empty cache.
inline constexpr uint32_t kMaxArenas = 4094;

/// The owner field of arena `index`, in place.
[[nodiscard]] constexpr uint32_t owner_key(uint32_t index) noexcept {
    return (index + 1) << kEntryOwnerShift;
}
/// Matches no entry.
inline constexpr uint32_t kNoOwnerKey = 0xfffU << kEntryOwnerShift;

[[nodiscard]] constexpr uint32_t make_entry(uint32_t owner, PageKind kind, uint32_t page,
                                            uint32_t size_class) noexcept {
    return owner | (static_cast<uint32_t>(kind) << kEntryKindShift) | (page << kPageShift) |
           size_class;
}
[[nodiscard]] constexpr PageKind entry_kind(uint32_t entry) noexcept {
    return static_cast<PageKind>((entry >> kEntryKindShift) & 3U);
}
/// Arena index; only for entries that are not 0.
[[nodiscard]] constexpr uint32_t entry_arena(uint32_t entry) noexcept {
    return (entry >> kEntryOwnerShift) - 1;
}

/// Root slots hold a leaf's distance from the leaf of zeros, so that 0 means "none".
extern constinit GRANARY_HIDDEN std::atomic<uintptr_t> g_page_map_root[kRootSlots];
extern constinit GRANARY_HIDDEN std::atomic<uint32_t> g_zero_entries[kLeafPages];

/// True if `address` is inside what the root covers (user addresses of this machine).
[[nodiscard]] constexpr bool is_mappable(uintptr_t address) noexcept {
    return (address >> kAddressBits) == 0;
}

/// The entry of the page at `address`, which must be mappable.
[[nodiscard]] inline uint32_t page_entry(uintptr_t address) noexcept {
    // ORDER: relaxed; the program hands the pointer over with its own synchronisation (see Locking).
    const uintptr_t distance =
        g_page_map_root[address >> kLeafShift].load(std::memory_order_relaxed);
    // SAFETY (E2): distance is 0 or that of a leaf, which starts with its entries.
    const auto* entries = reinterpret_cast<const std::atomic<uint32_t>*>(
        reinterpret_cast<uintptr_t>(&g_zero_entries[0]) + distance);
    return entries[(address >> kPageShift) & (kLeafPages - 1)].load(std::memory_order_relaxed);
}

}  // namespace granary::core::detail
