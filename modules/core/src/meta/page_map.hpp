// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_map.hpp — address -> what lies there; the write side, and the slow lookups.
//
// Role        The building's register: page/ and arena/ write it, heap/ reads it.
// Owns        Leaves, one per GiB of addresses in use: page entries (E1 in page_entry.hpp),
//             a descriptor slot per page, a word and a descriptor slot per chunk.
// Invariants  P1  the descriptor slots of a live run's pages, and of the first page of a large
//                 region or huge block, hold its Extent.
//             P2  a chunk word says whether the chunk belongs to a huge block, and then how
//                 many of its pages are usable and which chunk of the block it is.
//             P3  in a leaf the descriptor slots follow the entries; both are eight bytes.
// Locking     Reads and writes of slots are lock-free (one writer at a time: the pages' holder);
//             leaves are created under mutex_ and never removed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "granary/core/detail/page_entry.hpp"
#include "meta/extent.hpp"
#include "meta/metadata_heap.hpp"

namespace granary::core {

enum class ChunkUse : uint32_t { none, pages, huge, free };

/// Packed into one atomic word per chunk (P2).
struct ChunkWord {
    ChunkUse use = ChunkUse::none;
    uint32_t usable_pages = 0;  ///< of this chunk, huge only
    uint32_t index = 0;         ///< of this chunk in its block, huge only

    [[nodiscard]] constexpr uint64_t packed() const noexcept {
        return uint64_t{static_cast<uint32_t>(use)} | (uint64_t{usable_pages} << 2) |
               (uint64_t{index} << 16);
    }
    [[nodiscard]] static constexpr ChunkWord unpack(uint64_t word) noexcept {
        return {static_cast<ChunkUse>(word & 3), static_cast<uint32_t>((word >> 2) & 0x3fff),
                static_cast<uint32_t>(word >> 16)};
    }
};

class PageMap {
public:
    constexpr PageMap() noexcept = default;

    /// Makes the leaves of [base, base + size). False: out of memory; what was made stays.
    [[nodiscard]] bool cover(uintptr_t base, size_t size, MetadataHeap& metadata) noexcept;

    /// Entries and descriptor slots of a run that is about to be carved.
    static void set_run(Extent* run, uint32_t owner, unsigned size_class) noexcept;
    /// The pages were a run's: a free of one of its regions will be named a double one.
    static void retire_run(uintptr_t base, size_t pages, uint32_t owner,
                           unsigned size_class) noexcept;
    /// Entries of a large region's pages: one head, then interiors.
    static void set_large(Extent* extent, uint32_t owner) noexcept;
    /// The entry and descriptor slot of the first page of a large region or huge block.
    static void set_head(Extent* extent, uint32_t owner, detail::PageCode code) noexcept;
    static void clear_entries(uintptr_t base, size_t pages) noexcept;

    /// @param address in a page of a live run, or the first of a large region or huge block (P1).
    [[nodiscard]] static Extent* extent_at(uintptr_t address) noexcept {
        return extent_of(*detail::find_entry(address));
    }
    /// The same for a page whose entry is found already.
    [[nodiscard]] static Extent* extent_of(const detail::PageEntry& entry) noexcept {
        // ORDER: acquire, pairs with set_run() and set_head().
        // SAFETY (P3): the slot of entry i is kLeafPages slots behind it.
        return reinterpret_cast<const std::atomic<Extent*>*>(&entry + detail::kLeafPages)
            ->load(std::memory_order_acquire);
    }

    /// Turns a live head into a freed one, which remembers its length to name a double free.
    /// @param code  kLargeHead or kHugeHead
    /// @return false if it was not a live head: another thread freed it.
    [[nodiscard]] static bool retire_head(uintptr_t page, uint32_t owner,
                                          detail::PageCode code) noexcept;
    /// The opposite: what was freed and kept whole is handed out again.
    static void revive_head(uintptr_t page, uint32_t owner, detail::PageCode code) noexcept;

    static void set_chunk(uintptr_t chunk, ChunkWord word, Extent* extent) noexcept;
    /// The words of chunks [from, end) of a huge block (P2).
    static void set_block(Extent* block, size_t from) noexcept;
    /// These chunks are nobody's: {none}, and no descriptor.
    static void clear_chunks(uintptr_t base, size_t chunks) noexcept;
    /// {none} for any address outside granary's leaves.
    [[nodiscard]] static ChunkWord chunk_word(uintptr_t address) noexcept;
    [[nodiscard]] static Extent* chunk_extent(uintptr_t address) noexcept;

    Mutex& mutex() noexcept { return mutex_; }

private:
    Mutex mutex_{LockRank::page_map};
};

}  // namespace granary::core
