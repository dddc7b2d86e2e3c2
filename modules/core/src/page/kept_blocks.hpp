// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// kept_blocks.hpp — the last huge blocks that a thread freed, kept as they are.
//
// Role        The huge path's magazine: a program that frees and allocates blocks of some sizes
//             again and again takes no lock and writes no chunk word.
// Owns        A few blocks; their chunk words and descriptors stay as they were, their heads say
//             "freed", and to their arena's books they live.
// Invariants  O1  a slot's word is a block's address plus its length in pages, or 0; the length is
//                 at most kMostPages, which is below a chunk's alignment.
//             O2  what holds a block is in the list of its chunk source, which takes all blocks of all
//                 threads before it answers any other request, and counts them as dirty.
// Locking     Slots are filled by the owner thread alone, and only empty ones: a store will do.
//             Anybody may empty one, by exchange. `next_` and `source_` are written under the chunk
//             source's lock.
// Cost        take: one exchange; keep: no atomic read-modify-write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "granary/core/size_class.hpp"

namespace granary::core {

class ChunkSource;

class KeptBlocks {
public:
    static constexpr size_t kSlots = 4;
    /// Longest block that is kept.
    static constexpr size_t kMostPages = 64 * 1024 * 1024 / kPageSize;

    struct Block {
        uintptr_t base = 0;  ///< 0: none
        size_t pages = 0;

        [[nodiscard]] constexpr size_t chunks() const noexcept {
            return chunks_for(pages << kPageShift);
        }
    };

    constexpr KeptBlocks() noexcept = default;

    /// The owner: address of a block of exactly `pages` pages, which is no longer kept; 0 if there is
    /// none. @param pages at least 1; @param alignment bytes, a power of two.
    [[nodiscard]] uintptr_t take(size_t pages, size_t alignment) noexcept {
        for (std::atomic<uintptr_t>& slot : slots_) {
            const Block block = unpacked(slot.load(std::memory_order_relaxed));
            if (block.pages == pages && (block.base & (alignment - 1)) == 0)
                return empty(slot).base;  // 0 if somebody was faster
        }
        return 0;
    }

    /// The owner: keeps a freed block. False: it is too long, or there is no room.
    [[nodiscard]] bool keep(uintptr_t base, size_t pages) noexcept {
        if (pages > kMostPages)
            return false;
        for (std::atomic<uintptr_t>& slot : slots_) {
            if (slot.load(std::memory_order_relaxed) != 0)
                continue;
            // ORDER: release, pairs with empty(): the head says "freed", the descriptor is settled.
            slot.store(base + pages, std::memory_order_release);
            return true;
        }
        return false;
    }

    /// Anybody: calls visit(Block) for everything kept, which is then the visitor's.
    template <class Visit>
    void drain(Visit visit) noexcept {
        for (std::atomic<uintptr_t>& slot : slots_) {
            if (slot.load(std::memory_order_relaxed) == 0)
                continue;
            const Block block = empty(slot);
            if (block.base != 0)
                visit(block);
        }
    }

    /// Calls visit(Block) for everything kept; approximate while the owner runs.
    template <class Visit>
    void for_each(Visit visit) const noexcept {
        for (const std::atomic<uintptr_t>& slot : slots_) {
            const Block block = unpacked(slot.load(std::memory_order_relaxed));
            if (block.base != 0)
                visit(block);
        }
    }

    [[nodiscard]] bool is_empty() const noexcept {
        for (const std::atomic<uintptr_t>& slot : slots_) {
            if (slot.load(std::memory_order_relaxed) != 0)
                return false;
        }
        return true;
    }

    /// The chunk source that its blocks come from and that lists it (O2); nullptr before the first block.
    /// Only the owner may ask without the source's lock.
    [[nodiscard]] ChunkSource* source() const noexcept { return source_; }

private:
    friend class ChunkSource;

    static constexpr Block unpacked(uintptr_t word) noexcept {
        return {word & ~(kChunkSize - 1), word & (kChunkSize - 1)};
    }
    static Block empty(std::atomic<uintptr_t>& slot) noexcept {
        // ORDER: acquire, pairs with keep().
        return unpacked(slot.exchange(0, std::memory_order_acquire));
    }

    std::array<std::atomic<uintptr_t>, kSlots> slots_{};
    KeptBlocks* next_ = nullptr;  // in the source's list; const from then on
    ChunkSource* source_ = nullptr;
};
static_assert(KeptBlocks::kMostPages < kChunkSize, "O1");

}  // namespace granary::core
