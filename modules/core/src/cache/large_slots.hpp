// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// large_slots.hpp — freed large regions of a thread's arena, kept whole by the thread.
//
// Role        The large path's magazine: a program that frees and allocates blocks of some sizes
//             again and again touches no lock, no bitmap and no page entry but the head's.
// Owns        One region per slot; a length has one slot. Its pages stay used, its interior entries
//             stay written, its head entry says "freed".
// Invariants  J1  slot i holds a region whose length in pages is i modulo kSlots, or nothing.
//             J2  bytes() is the sum of what the slots hold, and at most kMostBytes.
// Locking     The owner thread; bytes() may be read by anybody.
// Cost        A few instructions each way; aged by the owner's ticks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "meta/extent.hpp"

namespace granary::core {

class LargeSlots {
public:
    static constexpr size_t kSlots = 32;
    static constexpr size_t kMostBytes = 2 * 1024 * 1024;

    /// A region of exactly `pages` pages, or nullptr.
    [[nodiscard]] Extent* take(size_t pages) noexcept {
        Extent*& slot = slots_[pages % kSlots];
        Extent* const extent = slot;
        if (extent == nullptr || extent->bytes != pages << kPageShift)
            return nullptr;
        slot = nullptr;
        set_bytes(bytes() - extent->bytes);
        return extent;
    }

    /// Keeps a freed region. @return the one it takes the place of, or itself if there is no room.
    [[nodiscard]] Extent* keep(Extent* extent) noexcept {
        Extent*& slot = slots_[(extent->bytes >> kPageShift) % kSlots];
        Extent* const displaced = slot;
        const size_t after =
            bytes() + extent->bytes - (displaced != nullptr ? displaced->bytes : 0);
        if (after > kMostBytes)
            return extent;
        slot = extent;
        set_bytes(after);
        return displaced;
    }

    /// Calls visit(Extent*) for everything kept, which is then the visitor's.
    template <class Visit>
    void drain(Visit visit) noexcept {
        if (bytes() == 0)
            return;
        for (Extent*& slot : slots_) {
            Extent* const extent = slot;
            slot = nullptr;
            if (extent != nullptr)
                visit(extent);
        }
        set_bytes(0);
    }

    [[nodiscard]] size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

    template <class Visit>
    void for_each(Visit visit) const noexcept {
        for (size_t i = 0; i < kSlots; ++i) {
            if (slots_[i] != nullptr)
                visit(i, *slots_[i]);
        }
    }

private:
    void set_bytes(size_t bytes) noexcept { bytes_.store(bytes, std::memory_order_relaxed); }

    std::array<Extent*, kSlots> slots_{};
    std::atomic<size_t> bytes_{0};
};

}  // namespace granary::core
