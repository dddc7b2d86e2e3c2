// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// large_class.hpp — how statistics sort everything above the small classes by size.
//
// Role        Nothing is rounded to these: large regions and huge blocks are whole pages. Counters
//             count a region in the smallest class that holds its usable bytes; one that needs
//             pages of its own for its alignment only is counted in class 0.
// Invariants  Q1  sizes rise strictly, four per doubling as in size_class.hpp, from the first above
//                 kSmallMax to the last that is not above 7 * 2^60.
//             Q2  page classes are these after kPageClassesBelow of up to kSmallMax.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "granary/core/size_class.hpp"

namespace granary::core {

/// Classes of page counts, four per doubling: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, … pages.
inline constexpr size_t kPageClassCount = 199;
inline constexpr size_t kPageClassesBelow = 8;
inline constexpr size_t kLargeClassCount = kPageClassCount - kPageClassesBelow;

/// Bytes of the page class `index`.
[[nodiscard]] constexpr size_t page_class_size(size_t index) noexcept {
    if (index < 4)
        return (index + 1) << kPageShift;
    const size_t group = (index - 3) / 4;
    return (4 + (index - 3) % 4) << (group + kPageShift);
}

[[nodiscard]] constexpr size_t large_class_size(size_t index) noexcept {
    return page_class_size(index + kPageClassesBelow);
}

/// The smallest page class that holds `bytes`, at least 1.
[[nodiscard]] constexpr size_t page_class_of(size_t bytes) noexcept {
    const size_t pages = (bytes + kPageSize - 1) >> kPageShift;
    if (pages <= 4)
        return pages - 1;
    const size_t last = pages - 1;  // classes end where their last page is
    const size_t log = static_cast<size_t>(std::bit_width(last)) - 1;
    return (log - 2) * 4 + ((last >> (log - 2)) & 3) + 4;
}

/// Of up to kShortPages pages, by table.
inline constexpr size_t kShortPages = 256;

namespace detail {
consteval std::array<uint8_t, kShortPages + 1> make_short_large_classes() {
    std::array<uint8_t, kShortPages + 1> table{};
    for (size_t pages = 1; pages <= kShortPages; ++pages) {
        const size_t index = page_class_of(pages << kPageShift);
        table[pages] =
            static_cast<uint8_t>(index < kPageClassesBelow ? 0 : index - kPageClassesBelow);
    }
    return table;
}
}  // namespace detail

inline constexpr auto kShortLargeClasses = detail::make_short_large_classes();
/// Classes of up to kShortPages pages.
inline constexpr size_t kShortLargeClassCount = kShortLargeClasses[kShortPages] + size_t{1};

[[nodiscard]] constexpr size_t large_class_of(size_t bytes) noexcept {
    if (bytes <= kShortPages << kPageShift)
        return kShortLargeClasses[(bytes + kPageSize - 1) >> kPageShift];
    return page_class_of(bytes) - kPageClassesBelow;
}

namespace detail {
consteval bool page_classes_are_valid() {
    for (size_t i = 0; i < kPageClassCount; ++i) {
        const size_t size = page_class_size(i);
        if (page_class_of(size) != i || (i > 0 && size <= page_class_size(i - 1)))
            return false;
        if (i + 1 < kPageClassCount && page_class_of(size + 1) != i + 1)
            return false;
    }
    return page_class_size(kPageClassesBelow - 1) == kSmallMax;
}
}  // namespace detail

static_assert(detail::page_classes_are_valid(), "Q1, Q2");
static_assert(page_class_size(kPageClassCount - 1) == size_t{7} << 60, "Q1");

}  // namespace granary::core
