// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// chunk.hpp — the pages of one chunk in an arena's hands.
//
// Role        512 pages as three bitmaps: coalescing is then nothing but clearing bits.
// Invariants  K1  a muzzy page is touched and not used.
//             K2  pages that are neither used nor touched read zero (state retained).
//             K3  free_pages counts the clear bits of `used`; longest_free is their longest row.
// Locking     The page allocator's.
// Source      Page bitmaps per huge page: tcmalloc's filler, jemalloc's hpdata; ideas, not code.
#pragma once

#include <cstddef>
#include <cstdint>

#include <granary/base/bitmap.hpp>
#include <granary/base/intrusive_list.hpp>

#include "granary/core/size_class.hpp"

namespace granary::core {

using PageBits = base::Bitmap<kChunkPages>;

struct Chunk {
    uintptr_t base;
    base::ListLink link;  ///< in its bucket
    uint32_t free_pages;
    uint32_t longest_free;
    uint32_t dirty_pages;  ///< touched, not used, not muzzy
    uint32_t muzzy_pages;
    PageBits used;
    PageBits touched;  ///< may hold something other than zeros, whether used or not
    PageBits muzzy;

    [[nodiscard]] PageBits dirty_bits() const noexcept {
        return and_not(and_not(touched, used), muzzy);
    }
};

using ChunkList = base::IntrusiveList<Chunk, &Chunk::link>;

/// A row of clear or set bits.
struct PageRow {
    size_t first = 0;
    size_t count = 0;
};

/// Calls visit(PageRow) for every maximal row of set bits, in rising order, until it returns false.
template <class Visit>
void for_each_row(const PageBits& bits, Visit visit) noexcept {
    size_t first = bits.find_first_set(0);
    while (first < kChunkPages) {
        const size_t end = bits.find_first_clear(first);
        if (!visit(PageRow{first, end - first}))
            return;
        if (end >= kChunkPages)
            return;
        first = bits.find_first_set(end);
    }
}

/// Length of the chunk's longest row of unused pages (K3).
[[nodiscard]] inline uint32_t longest_free_row(const Chunk& chunk) noexcept {
    size_t longest = 0;
    for_each_row(bit_not(chunk.used), [&](PageRow row) {
        longest = longest < row.count ? row.count : longest;
        return true;
    });
    return static_cast<uint32_t>(longest);
}

/// Length of the row of unused pages that `row`, all unused, is part of.
[[nodiscard]] inline size_t free_row_around(const Chunk& chunk, PageRow row) noexcept {
    return chunk.used.find_first_set(row.first + row.count) - chunk.used.find_end_of_set(row.first);
}

}  // namespace granary::core
