// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stats_cache.hpp — the statistics as of the last epoch.
//
// Role        Makes questions that follow one another agree with each other.
// Owns        the whole heap's snapshot, and one arena's: the one asked about last.
// Invariants  E1  epoch_ grows by exactly one per refresh; 0 means nothing was taken yet.
//             E2  arena_ is as of arena_epoch_; another epoch or another arena takes it anew.
// Locking     lock_ (rank ctl); core's locks are taken below it.
// Cost        one snapshot, 5 KiB, of .bss per process instead of one per arena.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/core/control.hpp>
#include <granary/core/snapshot.hpp>
#include <granary/ctl/ctl.hpp>

#include "lock.hpp"

namespace granary::ctl {

class StatsCache {
public:
    constexpr StatsCache() noexcept = default;

    /// Refreshes the statistics.
    void refresh() noexcept {
        const LockGuard guard(lock_);
        refresh_locked();
    }

    /// Refreshes the statistics and copies them.
    void refresh(core::HeapSnapshot& out) noexcept {
        const LockGuard guard(lock_);
        refresh_locked();
        out = heap_;
    }

    [[nodiscard]] uint64_t epoch() noexcept {
        const LockGuard guard(lock_);
        ensure_locked();
        return epoch_;
    }

    /// One value of the heap's (`arena` is kAllArenas) or an arena's statistics.
    /// False if there is no such arena.
    template <typename Value, typename Reader>
    bool read(size_t arena, Value& out, Reader reader) noexcept {
        const LockGuard guard(lock_);
        ensure_locked();
        if (arena != kAllArenas && !ensure_arena_locked(static_cast<unsigned>(arena)))
            return false;
        out = reader(arena == kAllArenas ? heap_ : arena_);
        return true;
    }

    /// The number of arenas as the program was last told; asks for it again if `renew`.
    /// Programs use that number as an index that means "all", so it must not move under them.
    [[nodiscard]] unsigned arena_count(bool renew) noexcept {
        // ORDER: relaxed, the number stands for itself.
        unsigned count = arena_count_.load(std::memory_order_relaxed);
        if (renew || count == 0) {
            count = core::arena_count();
            arena_count_.store(count, std::memory_order_relaxed);  // ORDER: as above.
        }
        return count;
    }

    void fork_prepare() noexcept { lock_.lock(); }
    void fork_parent() noexcept { lock_.unlock(); }
    void fork_child() noexcept { lock_.reset(); }

private:
    void refresh_locked() noexcept {
        core::take_snapshot(heap_);
        ++epoch_;
        static_cast<void>(arena_count(true));
    }

    void ensure_locked() noexcept {
        if (epoch_ == 0)
            refresh_locked();
    }

    bool ensure_arena_locked(unsigned index) noexcept {
        if (arena_epoch_ == epoch_ && arena_index_ == index)
            return true;
        arena_epoch_ = 0;
        if (!core::take_arena_snapshot(index, arena_))
            return false;
        arena_index_ = index;
        arena_epoch_ = epoch_;
        return true;
    }

    Lock lock_;
    // guarded by lock_
    uint64_t epoch_ = 0;
    uint64_t arena_epoch_ = 0;
    unsigned arena_index_ = 0;
    core::HeapSnapshot heap_{};
    core::HeapSnapshot arena_{};
    // atomic, relaxed
    std::atomic<unsigned> arena_count_{0};
};

/// The process's one cache.
[[nodiscard]] StatsCache& stats_cache() noexcept;

}  // namespace granary::ctl
