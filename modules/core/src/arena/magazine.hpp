// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// magazine.hpp — an out-of-line stack of free regions of one class of one arena.
//
// Role        The unit that moves between threads, bins and inboxes; regions never move singly.
// Invariants  Z1  slots[0] and slots[1] are null: the fast path looks at the two newest regions
//                 without asking how many there are.
//             Z2  slots[2 .. 2 + count) are free regions of (arena, size_class) while the magazine
//                 is parked or posted; while it is a thread's current one the CacheBin counts.
// Source      Bonwick and Adams 2001, "Magazines and Vmem".
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/intrusive_list.hpp>

#include "granary/core/size_class.hpp"
#include "meta/metadata_heap.hpp"

namespace granary::core {

// Whole cache lines: neighbours serve different threads.
struct alignas(GRANARY_CACHE_LINE) Magazine {
    static constexpr size_t kSentinels = 2;

    base::ListLink link;          ///< in a bin's parked list
    Magazine* next;               ///< in an inbox, or in a stack of empty ones
    std::atomic<uint32_t> count;  ///< Z2; atomic because statistics look into outboxes
    std::atomic<uint32_t> depth;  ///< in an inbox: about how many lie below
    uint16_t arena;
    uint8_t size_class;
    std::array<void*, kSentinels + kMagazineSlots> slots;

    [[nodiscard]] void** first() noexcept { return &slots[kSentinels]; }
    [[nodiscard]] uint32_t size() const noexcept { return count.load(std::memory_order_relaxed); }
    void set_size(uint32_t regions) noexcept { count.store(regions, std::memory_order_relaxed); }
};

using MagazineList = base::IntrusiveList<Magazine, &Magazine::link>;

/// The magazine whose slots begin at `base`.
[[nodiscard]] inline Magazine* magazine_of(void** base) noexcept {
    // SAFETY (Z1): `base` is first() of a magazine; slots is its last member.
    return reinterpret_cast<Magazine*>(reinterpret_cast<std::byte*>(base - Magazine::kSentinels) -
                                       offsetof(Magazine, slots));
}

/// Empty magazines of the process.
///
/// Locking     mutex_, LockRank::magazine_pool. Threads keep a few, so that it is rarely taken.
class MagazinePool {
public:
    constexpr MagazinePool() noexcept = default;

    /// @return an empty magazine, or nullptr if out of memory.
    [[nodiscard]] Magazine* take(MetadataHeap& metadata) noexcept;
    void give(Magazine* magazine) noexcept;

    Mutex& mutex() noexcept { return mutex_; }

private:
    static constexpr size_t kBatch = 7;  // about a page

    Mutex mutex_{LockRank::magazine_pool};
    Magazine* empty_ = nullptr;  // guarded by mutex_
};

}  // namespace granary::core
