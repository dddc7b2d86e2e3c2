// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// size_class.hpp — the size classes and the shape of their runs, derived at compile time.
//
// Role        Pure arithmetic: request -> class -> usable size, run length, reciprocal.
// Invariants  S1  sizes rise strictly; every size <= kSmallMax round-trips to the least class that holds it.
//             S2  offset / size by reciprocal is exact for every offset inside a run.
//             S3  a run's tail waste is at most 1/kMaxTailWasteDivisor of the run.
//             S4  the class of a multiple of a power of two, up to the page, is a multiple of it too.
//             All proved by static_assert at the end of this file and in size_class_test.cpp.
// Source      Spacing of jemalloc (four classes per doubling). Reciprocals: Lemire, Kaser and
//             Kurz 2019, "Faster remainder by direct computation".
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace granary::core {

/// granary's page in bytes. The kernel's page may be larger (os::page_size()).
inline constexpr size_t kPageShift = 12;
inline constexpr size_t kPageSize = size_t{1} << kPageShift;

/// The unit of address space in bytes, and its alignment: one huge page.
inline constexpr size_t kChunkShift = 21;
inline constexpr size_t kChunkSize = size_t{1} << kChunkShift;
inline constexpr size_t kChunkPages = kChunkSize / kPageSize;

/// Five numbers from which everything else in this file follows.
struct Geometry {
    size_t tiny;       ///< smallest class, bytes; serves requests too small to need alignment
    size_t quantum;    ///< spacing up to quantum * steps, and the minimum alignment
    size_t steps;      ///< classes per doubling above that; a power of two
    size_t small_max;  ///< largest class that lives in runs
    size_t run_target_bytes;  ///< a run is about this long, or min_regions regions
    size_t min_regions;
};
inline constexpr Geometry kGeometry{8, 16, 4, 32 * 1024, 16 * 1024, 4};

inline constexpr size_t kSmallMax = kGeometry.small_max;
/// Largest run: 64 pages, the width of the page map's page field.
inline constexpr size_t kMaxRunPages = 64;
/// Most regions per run: the descriptor's bitmap.
inline constexpr size_t kMaxRunRegions = 512;
inline constexpr size_t kMaxTailWasteDivisor = 16;
/// Most regions in a magazine, and the bytes that one magazine may hold (4 regions at least).
inline constexpr size_t kMagazineSlots = 57;  // 512 bytes with the header
inline constexpr size_t kMagazineBytes = 64 * 1024;

namespace detail {

consteval size_t count_classes() {
    size_t count = 1;
    const size_t linear_max = kGeometry.quantum * kGeometry.steps;
    count += linear_max / kGeometry.quantum;
    for (size_t base = linear_max; base < kSmallMax; base *= 2) count += kGeometry.steps;
    return count;
}

struct RunShape {
    size_t pages;
    size_t regions;
};

/// Fewest pages from the wanted length on whose tail is negligible, else the best of twice that range.
constexpr RunShape run_shape(size_t size) {
    const size_t longest_useful = (size * kMaxRunRegions + kPageSize - 1) / kPageSize;
    const size_t by_target = kGeometry.run_target_bytes / kPageSize;
    const size_t by_regions = (size * kGeometry.min_regions + kPageSize - 1) / kPageSize;
    size_t first = by_target < longest_useful ? by_target : longest_useful;
    if (first < by_regions)
        first = by_regions;
    size_t best = first;
    size_t best_waste = SIZE_MAX;
    for (size_t pages = first; pages <= 2 * first && pages <= kMaxRunPages; ++pages) {
        size_t regions = pages * kPageSize / size;
        if (regions > kMaxRunRegions)
            regions = kMaxRunRegions;
        const size_t waste = (pages * kPageSize - regions * size) * 1024 / (pages * kPageSize);
        if (waste < best_waste) {
            best_waste = waste;
            best = pages;
        }
        if (waste <= 16)
            break;
    }
    size_t regions = best * kPageSize / size;
    if (regions > kMaxRunRegions)
        regions = kMaxRunRegions;
    return {best, regions};
}

}  // namespace detail

inline constexpr size_t kSmallClassCount = detail::count_classes();

/// One small class; every derived column is computed, none is typed in.
struct SizeClass {
    uint32_t size;        ///< bytes per region
    uint32_t reciprocal;  ///< ceil(2^32 / size)
    uint16_t run_pages;
    uint16_t run_regions;
    uint16_t magazine_capacity;  ///< regions
};

namespace detail {

consteval std::array<SizeClass, kSmallClassCount> make_size_classes() {
    std::array<SizeClass, kSmallClassCount> table{};
    size_t index = 0;
    auto add = [&](size_t size) {
        const RunShape shape = run_shape(size);
        size_t capacity = kMagazineBytes / size;
        if (capacity > kMagazineSlots)
            capacity = kMagazineSlots;
        if (capacity < 4)
            capacity = 4;
        table[index++] =
            SizeClass{static_cast<uint32_t>(size),
                      static_cast<uint32_t>(((uint64_t{1} << 32) + size - 1) / size),
                      static_cast<uint16_t>(shape.pages), static_cast<uint16_t>(shape.regions),
                      static_cast<uint16_t>(capacity)};
    };
    add(kGeometry.tiny);
    const size_t linear_max = kGeometry.quantum * kGeometry.steps;
    for (size_t size = kGeometry.quantum; size <= linear_max; size += kGeometry.quantum) add(size);
    for (size_t base = linear_max; base < kSmallMax; base *= 2) {
        for (size_t step = 1; step <= kGeometry.steps; ++step)
            add(base + base / kGeometry.steps * step);
    }
    return table;
}

}  // namespace detail

inline constexpr std::array<SizeClass, kSmallClassCount> kSizeClasses = detail::make_size_classes();

/// Requests up to kLowMax are looked up in 8-byte steps, larger small ones in kHighStep steps.
inline constexpr size_t kLowMax = 4096;
inline constexpr size_t kLowShift = 3;
inline constexpr size_t kHighShift =
    static_cast<size_t>(std::countr_zero(kLowMax / kGeometry.steps));

namespace detail {

template <size_t Shift, size_t Max>
consteval auto make_lookup() {
    std::array<uint8_t, (Max >> Shift) + 1> table{};
    size_t index = 0;
    for (size_t slot = 0; slot < table.size(); ++slot) {
        while (kSizeClasses[index].size < (slot << Shift)) ++index;
        table[slot] = static_cast<uint8_t>(index);
    }
    return table;
}

}  // namespace detail

inline constexpr auto kLowLookup = detail::make_lookup<kLowShift, kLowMax>();
inline constexpr auto kHighLookup = detail::make_lookup<kHighShift, kSmallMax>();

/// Class of a request of at most kLowMax bytes (0 included).
[[nodiscard]] constexpr unsigned low_class(size_t size) noexcept {
    return kLowLookup[(size + ((size_t{1} << kLowShift) - 1)) >> kLowShift];
}

/// Class of a request above kLowMax and of at most kSmallMax bytes.
[[nodiscard]] constexpr unsigned high_class(size_t size) noexcept {
    return kHighLookup[(size + ((size_t{1} << kHighShift) - 1)) >> kHighShift];
}

/// Class of a request of at most kSmallMax bytes.
[[nodiscard]] constexpr unsigned small_class(size_t size) noexcept {
    return size <= kLowMax ? low_class(size) : high_class(size);
}

/// Pages of a request above kSmallMax; the caller has bounded `size` by kMaxSize.
[[nodiscard]] constexpr size_t pages_for(size_t size) noexcept {
    return (size + kPageSize - 1) >> kPageShift;
}

/// Chunks of a block of `bytes`.
[[nodiscard]] constexpr size_t chunks_for(size_t bytes) noexcept {
    return (bytes + kChunkSize - 1) >> kChunkShift;
}

/// An offset times its class's reciprocal, modulo 2^32, is below this if and only if a region starts
/// there (S2): of the largest class, whose reciprocal is the least.
inline constexpr uint32_t kStartBound = (uint64_t{1} << 32) / kSmallMax;

/// Region index inside a run, from a byte offset (S2).
[[nodiscard]] constexpr uint32_t region_index(uint32_t offset, uint32_t reciprocal) noexcept {
    return static_cast<uint32_t>((uint64_t{offset} * reciprocal) >> 32);
}

namespace detail {

consteval bool sizes_are_valid() {
    for (size_t i = 0; i < kSmallClassCount; ++i) {
        const SizeClass& c = kSizeClasses[i];
        if (i > 0 && c.size <= kSizeClasses[i - 1].size)
            return false;
        if (c.size >= kGeometry.quantum && c.size % kGeometry.quantum != 0)
            return false;
        if (small_class(c.size) != i)
            return false;
        if (i + 1 < kSmallClassCount && small_class(c.size + 1) != i + 1)
            return false;
    }
    return kSizeClasses[kSmallClassCount - 1].size == kSmallMax;
}

/// With e = reciprocal * size - 2^32, both tricks are exact while offset * e < 2^32, and starts have
/// products of at most regions * e, all else of a reciprocal at least.
consteval bool reciprocals_are_exact() {
    for (const SizeClass& c : kSizeClasses) {
        const uint64_t excess = uint64_t{c.reciprocal} * c.size - (uint64_t{1} << 32);
        if (excess * (uint64_t{c.run_pages} * kPageSize) >= (uint64_t{1} << 32))
            return false;
        if (c.run_regions * excess >= kStartBound || c.reciprocal < kStartBound)
            return false;
    }
    return true;
}

consteval bool alignments_are_kept() {
    for (size_t alignment = 1; alignment <= kPageSize; alignment *= 2) {
        size_t least = alignment;
        for (const SizeClass& c : kSizeClasses) {
            // Of the multiples that this class serves, only whether there is one matters.
            if (least <= c.size && c.size % alignment != 0)
                return false;
            while (least <= c.size) least += alignment;
        }
    }
    return true;
}

consteval bool runs_are_tight() {
    for (const SizeClass& c : kSizeClasses) {
        const size_t bytes = c.run_pages * kPageSize;
        if (c.run_pages == 0 || c.run_pages > kMaxRunPages || c.run_regions > kMaxRunRegions)
            return false;
        if (c.run_regions < 2 || size_t{c.run_regions} * c.size > bytes)
            return false;
        if ((bytes - size_t{c.run_regions} * c.size) * kMaxTailWasteDivisor > bytes)
            return false;
    }
    return true;
}

}  // namespace detail

static_assert(kSmallClassCount < 256, "classes are one byte in the page map");
static_assert(detail::sizes_are_valid(), "S1");
static_assert(detail::reciprocals_are_exact(), "S2");
static_assert(detail::runs_are_tight(), "S3");
static_assert(detail::alignments_are_kept(), "S4");

}  // namespace granary::core
