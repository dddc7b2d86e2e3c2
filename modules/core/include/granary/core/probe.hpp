// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// probe.hpp — what programs ask for to find their mistakes: filling, counting, reports.
//
// Cost        Nothing where it is not asked for: it is work of the threads' counting mode.
#pragma once

#include <cstddef>
#include <cstdint>

#include "granary/core/options.hpp"

namespace granary::core {

/// What freshly allocated and freed memory is filled with.
inline constexpr uint8_t kJunkAllocated = 0xa5;
inline constexpr uint8_t kJunkFreed = 0x5a;

/// Counts a realloc(p, 0). @return what is to be done.
[[nodiscard]] ZeroRealloc note_zero_realloc() noexcept;
/// How many there were.
[[nodiscard]] uint64_t zero_reallocs() noexcept;

/// What is called after every HeapOptions::report_interval allocated bytes, by the thread that
/// allocated, without any lock. One of the upward edges (ARCHITECTURE.md).
void set_report_hook(void (*hook)() noexcept) noexcept;

/// What a program may ask to be told of: how much its threads allocate and deallocate.
struct ThreadEvent {
    /// Called by the thread itself, without any lock, with its totals: usable bytes since its
    /// counters run. It may allocate and free.
    void (*callback)(bool is_allocation, uint64_t allocated, uint64_t deallocated);
    uint64_t interval;      ///< bytes between two calls; allocation and deallocation count apart
    bool allocations_only;  ///< deallocation is not told

    friend bool operator==(const ThreadEvent&, const ThreadEvent&) noexcept = default;
};
inline constexpr size_t kMostThreadEvents = 4;

/// From now on the callback is called, in all threads, for the life of the process. Threads that
/// run already are counted from their next look at the clock on, the calling one at once. Asking
/// for the same event again changes nothing.
/// @return false: no callback, no interval, or kMostThreadEvents are registered.
bool add_thread_event(const ThreadEvent& event) noexcept;

}  // namespace granary::core
