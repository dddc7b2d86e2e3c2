// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_class.hpp — lengths in pages or chunks, four classes per doubling, for buckets of free space.
#pragma once

#include <bit>
#include <cstddef>

namespace granary::core {

/// Index of the largest class that is <= `length` (at least 1): 1,2,3,4,5,6,7,8,10,12,14,16,20,…
[[nodiscard]] constexpr size_t page_class_floor(size_t length) noexcept {
    const size_t log = static_cast<size_t>(std::bit_width(length)) - 1;
    if (log < 2)
        return length - 1;
    return (log - 2) * 4 + ((length >> (log - 2)) & 3) + 3;
}

/// Index of the smallest class that is >= `length`.
[[nodiscard]] constexpr size_t page_class_ceil(size_t length) noexcept {
    const size_t log = static_cast<size_t>(std::bit_width(length)) - 1;
    const bool exact = log < 2 || (length & ((size_t{1} << (log - 2)) - 1)) == 0;
    return page_class_floor(length) + (exact ? 0 : 1);
}

static_assert(page_class_floor(1) == 0 && page_class_floor(4) == 3 && page_class_floor(8) == 7);
static_assert(page_class_floor(9) == 7 && page_class_ceil(9) == 8 && page_class_ceil(10) == 8);
static_assert(page_class_floor(512) == 31);

}  // namespace granary::core
