// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent.hpp — the descriptor of consecutive pages: a run, a large region, a huge block, or a
// range of free chunks.
//
// Invariants  X1  a run's free_bits has free_regions bits set, all below `carved`.
//             X2  regions at `carved` and above were never handed out: their pages are untouched.
// Locking     Guarded by whoever holds the extent: its bin (runs), its page allocator (large),
//             the chunk source (huge, free chunks).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <granary/base/intrusive_list.hpp>

#include "granary/core/size_class.hpp"

namespace granary::core {

class BlockCounts;
struct Chunk;

enum class ExtentKind : uint8_t { none, run, large, huge, free_chunks };

/// State of unused memory: how much the kernel would have to do to give it back to us.
enum class PageState : uint8_t { dirty, muzzy, retained };
inline constexpr size_t kPageStates = 3;

struct alignas(64) Extent {
    uintptr_t base;       ///< address of the first page
    size_t bytes;         ///< usable size (large, huge), length otherwise
    union {
        Chunk* chunk;         ///< of a run or large region
        BlockCounts* counts;  ///< of a huge block: where it is counted
    };
    base::ListLink link;  ///< bin bucket, free-chunk bucket, or descriptor pool
    uint32_t arena;       ///< index of the owner
    ExtentKind kind;
    PageState state;     ///< of free chunks
    uint8_t size_class;  ///< of a run
    uint8_t bucket;      ///< of a run: its bin's fullness list, or kNoBucket
    uint16_t free_regions;
    uint16_t carved;
    std::array<uint64_t, kMaxRunRegions / 64> free_bits;
};
static_assert(sizeof(Extent) == 128, "header line and bitmap line");
/// A shift by it leaves nothing of free_regions, so that none is "in its bucket" there.
inline constexpr uint8_t kNoBucket = 31;

using ExtentList = base::IntrusiveList<Extent, &Extent::link>;

}  // namespace granary::core
