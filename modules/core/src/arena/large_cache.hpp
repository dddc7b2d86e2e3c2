// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// large_cache.hpp — the last freed large region of each length, kept as it is.
//
// Role        The door of the arena's large path: a program that frees and allocates blocks of
//             one size again and again touches no bitmap and writes no page entries.
// Owns        One region per page count; its pages stay used, its interior entries stay written,
//             its head entry says "freed".
// Invariants  L1  slot n holds a region of exactly n pages, or nothing.
//             L2  bytes_ is at least the sum of what the slots hold, and at most kMostBytes.
// Locking     Lock-free: a slot is filled by CAS from empty and emptied by exchange.
// Cost        Two atomic operations each way.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "meta/extent.hpp"

namespace granary::core {

class LargeCache {
public:
    static constexpr size_t kMostPages = 256;
    static constexpr size_t kMostBytes = 8 * 1024 * 1024;

    /// A region of `pages` pages, or nullptr.
    [[nodiscard]] Extent* take(size_t pages) noexcept {
        std::atomic<Extent*>& slot = slots_[pages - 1];
        if (slot.load(std::memory_order_relaxed) == nullptr)
            return nullptr;
        // ORDER: acquire, pairs with the release in keep(): the descriptor is settled.
        Extent* extent = slot.exchange(nullptr, std::memory_order_acquire);
        if (extent != nullptr)
            bytes_.fetch_sub(extent->bytes, std::memory_order_relaxed);
        return extent;
    }

    /// Keeps a region that was freed. False: there is one of its length, or the cache is full.
    [[nodiscard]] bool keep(Extent* extent) noexcept {
        const size_t bytes = extent->bytes;
        std::atomic<Extent*>& slot = slots_[(bytes >> kPageShift) - 1];
        if (slot.load(std::memory_order_relaxed) != nullptr)
            return false;
        if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= kMostBytes) {
            Extent* empty = nullptr;
            // ORDER: release, pairs with take(). From here on the region may be anybody's.
            if (slot.compare_exchange_strong(empty, extent, std::memory_order_release,
                                             std::memory_order_relaxed)) {
                return true;
            }
        }
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
    }

    /// Calls visit(Extent*) for everything kept, which is then the visitor's.
    template <class Visit>
    void drain(Visit visit) noexcept {
        for (size_t pages = 1; pages <= kMostPages && bytes() != 0; ++pages) {
            if (Extent* extent = take(pages))
                visit(extent);
        }
    }

    [[nodiscard]] size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<Extent*>, kMostPages> slots_{};
    std::atomic<size_t> bytes_{0};
};

}  // namespace granary::core
