// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// decay.hpp — how many unused pages may be kept at a given time.
//
// Role        A pure policy: time and a page count in, a limit out. Who purges is somebody else.
// Owns        A backlog of how many pages became unused in each of the last kSteps epochs.
// Invariants  D1  pages that became unused t ago count 1 - smootherstep(t / decay time);
//                 after the decay time they count nothing.
//             D2  a limit never exceeds the pages asked about.
//             D3  pages date from the call before the one that first saw them: callers ask
//                 before they free, so that nothing is purged by the call that freed it.
// Locking     The holder's lock.
// Source      jemalloc's decay (epochs and the curve 6t^5 - 15t^4 + 10t^3); idea, not code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace granary::core {

/// Which pages a decay time is about.
enum class DecayKind : uint8_t { dirty, muzzy };

class Decay {
public:
    static constexpr size_t kSteps = 64;

    constexpr Decay() noexcept = default;

    /// @param milliseconds 0 at once, -1 never. Starts the curve anew.
    void set_time(int64_t milliseconds, uint64_t now_ns) noexcept;

    [[nodiscard]] int64_t milliseconds() const noexcept { return milliseconds_; }

    /// Advances to `now_ns` and returns how many of the `unused` pages may stay; the caller
    /// purges the rest. To be asked at every opportunity, also with nothing unused (D3).
    /// @param granule pages can only be purged this many at a time; the limit is rounded up to it,
    ///                and what that keeps is not taken for new later.
    [[nodiscard]] size_t limit(uint64_t now_ns, size_t unused, size_t granule = 1) noexcept;

    /// Nanoseconds per epoch; there is no point in asking more often.
    [[nodiscard]] uint64_t epoch_ns() const noexcept { return epoch_ns_; }

private:
    [[nodiscard]] size_t kept_by_backlog() const noexcept;

    int64_t milliseconds_ = -1;
    uint64_t epoch_ns_ = 0;
    uint64_t epoch_start_ = 0;
    size_t previous_unused_ = 0;              // at the start of the epoch, after its purge
    std::array<uint32_t, kSteps> backlog_{};  // newest last
};

}  // namespace granary::core
