// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// large_slots.hpp — freed large regions of a thread's arena, kept whole by the thread.
//
// Role        The large path's magazine: a program that frees and allocates blocks of some sizes
//             again and again touches no lock, no bitmap and no page entry but the head's.
// Owns        One region per slot; a length has one slot. Its pages stay used, its interior entries
//             stay written, its head entry says "freed".
// Invariants  J1  a slot's word is a region's address plus its length in pages (which is below
//                 kPageSize), or 0; slot i holds lengths that are i modulo kSlots.
//             J2  pages() is the sum of what the slots hold, and at most kMostPages.
// Locking     The owner thread; words may be read by anybody. One store changes a slot, so that a
//             forked child finds each region kept or not.
// Cost        A few instructions each way; aged by the owner's ticks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "granary/core/size_class.hpp"

namespace granary::core::detail {

/// Largest large region in pages; above it, whole chunks.
inline constexpr size_t kLargeMaxPages = 256;

class LargeSlots {
public:
    static constexpr size_t kSlots = 32;
    static constexpr size_t kMostPages = 2 * 1024 * 1024 / kPageSize;

    /// Address of a kept region of exactly `pages` pages (at least one), which is no longer kept;
    /// 0 if there is none.
    [[nodiscard]] uintptr_t take(size_t pages) noexcept {
        std::atomic<uintptr_t>& slot = slots_[pages % kSlots];
        const uintptr_t word = slot.load(std::memory_order_relaxed);
        if (word % kPageSize != pages)
            return 0;
        slot.store(0, std::memory_order_relaxed);
        pages_ -= static_cast<uint32_t>(pages);
        return word - pages;
    }

    /// Keeps a freed region. @return the word (J1) of the one it takes the place of, or its own if
    /// there is no room; 0 if neither.
    [[nodiscard]] uintptr_t keep(uintptr_t base, size_t pages) noexcept {
        std::atomic<uintptr_t>& slot = slots_[pages % kSlots];
        const uintptr_t displaced = slot.load(std::memory_order_relaxed);
        const size_t after = pages_ + pages - displaced % kPageSize;
        if (after > kMostPages)
            return base + pages;
        // ORDER: release; a forked child that finds the word finds the head retired.
        slot.store(base + pages, std::memory_order_release);
        pages_ = static_cast<uint32_t>(after);
        return displaced;
    }

    /// Calls visit(address) for everything kept, which is then the visitor's.
    template <class Visit>
    void drain(Visit visit) noexcept {
        for (std::atomic<uintptr_t>& slot : slots_) {
            const uintptr_t word = slot.load(std::memory_order_relaxed);
            slot.store(0, std::memory_order_relaxed);
            if (word != 0)
                visit(word - word % kPageSize);
        }
        pages_ = 0;
    }

    /// Calls visit(slot, address, pages) for everything kept; approximate while the owner runs.
    template <class Visit>
    void for_each(Visit visit) const noexcept {
        for (size_t i = 0; i < kSlots; ++i) {
            const uintptr_t word = slots_[i].load(std::memory_order_relaxed);
            if (word != 0)
                visit(i, word - word % kPageSize, word % kPageSize);
        }
    }

    /// In a forked child: the owner was between a slot and the sum, perhaps.
    void recount() noexcept {
        pages_ = 0;
        for_each([this](size_t, uintptr_t, size_t pages) {
            pages_ += static_cast<uint32_t>(pages);
        });
    }

    [[nodiscard]] size_t pages() const noexcept { return pages_; }

private:
    std::array<std::atomic<uintptr_t>, kSlots> slots_{};
    uint32_t pages_ = 0;
};
static_assert(kLargeMaxPages < kPageSize, "J1");

}  // namespace granary::core::detail
