// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// run.hpp — the regions of one run: which are free, which were never handed out.
//
// Role        Free functions over an Extent of kind run; the bin is their only caller.
// Invariants  X1, X2 of extent.hpp.
// Locking     The bin's.
#pragma once

#include <granary/base/attributes.hpp>
#include <granary/base/bits.hpp>

#include "meta/extent.hpp"

namespace granary::core::run {

/// Aborts: the region is free already, or was never handed out.
[[noreturn]] GRANARY_COLD void refuse(const Extent& run, const void* region,
                                      uint32_t index) noexcept;

/// Turns fresh pages into a run of `size_class` with nothing carved.
void open(Extent& run, unsigned size_class) noexcept;

/// Takes up to `count` free regions by the bitmap, the lowest ones, and puts them out as a magazine
/// has them: the lowest on top, last. Returns how many.
size_t take_free(Extent& run, void** out, size_t count) noexcept;

/// Carves up to `count` regions that were never handed out, in the same order. Returns how many.
size_t carve(Extent& run, void** out, size_t count) noexcept;

/// Marks regions free. Aborts if one is free already, was never handed out, or is none.
/// @param reciprocal of the run's class
inline void give(Extent& run, void* const* regions, size_t count, uint32_t reciprocal) noexcept {
    const uintptr_t base = run.base;
    const uint32_t carved = run.carved;
    for (size_t i = 0; i < count; ++i) {
        // The product's upper half is the region's number, its lower half tells whether there is one.
        const uint64_t product =
            uint64_t{static_cast<uint32_t>(base::address_of(regions[i]) - base)} * reciprocal;
        const auto index = static_cast<uint32_t>(product >> 32);
        const uint64_t bit = uint64_t{1} << (index % 64);
        uint64_t& word = run.free_bits[index / 64];
        if (GRANARY_UNLIKELY((word & bit) != 0 || index >= carved ||
                             static_cast<uint32_t>(product) >= reciprocal))
            refuse(run, regions[i], index);
        word |= bit;
    }
    run.free_regions = static_cast<uint16_t>(run.free_regions + count);
}

/// True if every region that was ever handed out is free.
[[nodiscard]] inline bool is_empty(const Extent& run) noexcept {
    return run.free_regions == run.carved;
}

/// Regions outside the run: in the program's hands or in magazines.
[[nodiscard]] inline size_t taken(const Extent& run) noexcept {
    return size_t{run.carved} - run.free_regions;
}

/// Pages that a handed-out region may have touched.
[[nodiscard]] inline size_t touched_pages(const Extent& run) noexcept {
    return (size_t{run.carved} * kSizeClasses[run.size_class].size + kPageSize - 1) >> kPageShift;
}

/// True if `region`, which lies in the run, is one's start.
[[nodiscard]] inline bool is_region(const Extent& run, const void* region) noexcept {
    const uint32_t reciprocal = kSizeClasses[run.size_class].reciprocal;
    return static_cast<uint32_t>(base::address_of(region) - run.base) * reciprocal < reciprocal;
}

/// True if `region` is marked free (or was never handed out).
[[nodiscard]] bool is_free(const Extent& run, const void* region) noexcept;

void check_invariants(const Extent& run) noexcept;

}  // namespace granary::core::run
