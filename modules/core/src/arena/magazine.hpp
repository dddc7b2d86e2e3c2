// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// magazine.hpp — an out-of-line stack of free regions of one class of one arena.
//
// Role        The unit that moves between threads, bins and inboxes; regions never move singly.
// Invariants  Z1  a magazine is one aligned piece of kMagazineAlignment bytes, and its slots end
//                 where it ends: a full one is recognised by the low bits of its top.
//             Z2  the two slots below first() are null: "is it empty" is "is the newest slot
//                 null", and free may look at the two newest regions without asking how many
//                 there are.
//             Z3  slots [first(), first() + count) are free regions of (arena, size_class) while the
//                 magazine is parked or posted; while it is a thread's current one the thread's
//                 top counts.
// Source      Bonwick and Adams 2001, "Magazines and Vmem".
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/bits.hpp>
#include <granary/base/intrusive_list.hpp>

#include "granary/core/detail/fast_path.hpp"
#include "granary/core/size_class.hpp"
#include "meta/metadata_heap.hpp"

namespace granary::core {

// SAFETY (Z1): whole cache lines, too: neighbours serve different threads.
struct alignas(detail::kMagazineAlignment) Magazine {
    static constexpr size_t kSentinels = 2;

    base::ListLink link;          ///< in a bin's parked list
    Magazine* next;               ///< in an inbox, or in a stack of empty ones
    std::atomic<uint32_t> count;  ///< Z3; atomic because statistics look into outboxes
    std::atomic<uint32_t> depth;  ///< in an inbox: about how many lie below
    uint16_t arena;
    uint8_t size_class;
    std::array<void*, kSentinels + kMagazineSlots> slots;

    /// First slot for regions of `size_class`, which is set.
    [[nodiscard]] void** first() noexcept {
        return slots.data() + slots.size() - kSizeClasses[size_class].magazine_capacity;
    }
    [[nodiscard]] uint32_t size() const noexcept { return count.load(std::memory_order_relaxed); }
    void set_size(uint32_t regions) noexcept { count.store(regions, std::memory_order_relaxed); }

    /// An empty magazine is to serve a class.
    void dedicate(uint32_t owner_arena, unsigned new_class) noexcept {
        arena = static_cast<uint16_t>(owner_arena);
        size_class = static_cast<uint8_t>(new_class);
        void** const base = first();
        base[-1] = nullptr;  // Z2
        base[-2] = nullptr;
    }
};
static_assert(sizeof(Magazine) == detail::kMagazineAlignment, "Z1");

using MagazineList = base::IntrusiveList<Magazine, &Magazine::link>;

/// The magazine whose slots a top points into, or right behind.
[[nodiscard]] inline Magazine* magazine_of(void** top) noexcept {
    // SAFETY (Z1): a top is above first() - 1, which lies in the magazine.
    return reinterpret_cast<Magazine*>(
        base::align_down(base::address_of(top) - 1, detail::kMagazineAlignment));
}

/// Empty magazines of the process.
///
/// Locking     mutex_, LockRank::magazine_pool. Threads keep a few, so that it is rarely taken.
class MagazinePool {
public:
    constexpr MagazinePool() noexcept = default;

    /// @return a stack of 1 .. most empty magazines, and in `most` how many; nullptr if out of memory.
    [[nodiscard]] Magazine* take(MetadataHeap& metadata, uint32_t& most) noexcept;
    [[nodiscard]] Magazine* take(MetadataHeap& metadata) noexcept {
        uint32_t one = 1;
        return take(metadata, one);
    }
    /// Takes back a stack of empty magazines. @param last its lowest one
    void give(Magazine* first, Magazine* last) noexcept;
    void give(Magazine* magazine) noexcept {
        magazine->set_size(0);
        give(magazine, magazine);
    }

    Mutex& mutex() noexcept { return mutex_; }

private:
    static constexpr size_t kBatch = 8;  // a page

    [[nodiscard]] Magazine* pop_locked() noexcept;

    Mutex mutex_{LockRank::magazine_pool};
    Magazine* empty_ = nullptr;  // guarded by mutex_
    // PERF: not chained, so that nobody touches those that are not needed yet. Guarded by mutex_.
    Magazine* fresh_ = nullptr;
    Magazine* fresh_end_ = nullptr;
};

}  // namespace granary::core
