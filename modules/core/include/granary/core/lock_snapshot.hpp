// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lock_snapshot.hpp — what a lock has seen, as values.
#pragma once

#include <cstdint>

namespace granary::core {

/// What was seen of a lock, or the sum over several.
struct LockSnapshot {
    uint64_t acquired = 0;
    uint64_t waited = 0;          ///< acquired after having slept
    uint64_t spun = 0;            ///< acquired after having spun
    uint64_t total_wait_ns = 0;   ///< asleep
    uint64_t longest_wait_ns = 0;
    uint32_t most_waiting = 0;    ///< threads asleep at once

    /// Acquisitions right after another thread's, as far as the lock was fought for: who gets it
    /// without waiting is not asked who he is.
    [[nodiscard]] constexpr uint64_t owner_switches() const noexcept { return waited + spun; }

    void add(const LockSnapshot& other) noexcept {
        acquired += other.acquired;
        waited += other.waited;
        spun += other.spun;
        total_wait_ns += other.total_wait_ns;
        if (other.longest_wait_ns > longest_wait_ns)
            longest_wait_ns = other.longest_wait_ns;
        if (other.most_waiting > most_waiting)
            most_waiting = other.most_waiting;
    }
};

}  // namespace granary::core
