// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stats_cache.hpp — the statistics as of the last epoch.
//
// Role        Makes questions that follow one another agree with each other.
// Owns        the whole heap's snapshot and one of every arena, all of one moment; what destroyed
//             arenas had counted; the rows of unused pages that were asked for last.
// Invariants  E1  epoch_ grows by exactly one per refresh; 0 means nothing was taken yet.
//             E2  arenas_[i] is as of epoch_ for i < known_; an arena made since then is all zeros.
//             E3  rows_ is as of rows_epoch_; another epoch or another arena takes it anew.
// Locking     lock_ (rank ctl); core's locks are taken below it.
// Cost        a snapshot is 8 KiB: one in .bss, and one per arena in metadata from the first epoch
//             on. Nothing before.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

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

    /// Refreshes the statistics and copies the whole heap's. @return the new epoch.
    uint64_t refresh(core::HeapSnapshot& out) noexcept {
        const LockGuard guard(lock_);
        refresh_locked();
        out = heap_;
        return epoch_;
    }

    [[nodiscard]] uint64_t epoch() noexcept {
        const LockGuard guard(lock_);
        ensure_locked();
        return epoch_;
    }

    /// One value of the heap's, an arena's or the destroyed arenas' statistics.
    /// @return 0; ENOENT: no such arena; EAGAIN: no memory for its snapshot.
    template <typename Value, typename Reader>
    int read(size_t arena, Value& out, Reader reader) noexcept {
        const LockGuard guard(lock_);
        ensure_locked();
        const core::HeapSnapshot* snapshot = nullptr;
        if (const int error = find_locked(arena, snapshot); error != 0)
            return error;
        out = reader(*snapshot);
        return 0;
    }

    /// The whole snapshot. False if there is none.
    bool copy(size_t arena, core::HeapSnapshot& out) noexcept {
        return read(arena, out, [](const core::HeapSnapshot& s) { return s; }) == 0;
    }

    /// The same of the rows of unused pages.
    template <typename Value, typename Reader>
    int read_rows(size_t arena, Value& out, Reader reader) noexcept {
        const LockGuard guard(lock_);
        ensure_locked();
        if (const int error = ensure_rows_locked(arena); error != 0)
            return error;
        out = reader(rows_);
        return 0;
    }

    /// One value of the locks that the process has once; `ctl` is this cache's own.
    template <typename Value, typename Reader>
    void read_locks(Value& out, Reader reader) noexcept {
        const LockGuard guard(lock_);
        ensure_locked();
        out = reader(locks_, own_lock_);
    }

    void reset_locks() noexcept {
        const LockGuard guard(lock_);
        lock_.reset_counters();
        core::reset_lock_counters();
    }

    /// Keeps what an arena has counted, before it is destroyed.
    void bury(const core::HeapSnapshot& last) noexcept {
        const LockGuard guard(lock_);
        bury_locked(last);
        // ORDER: relaxed, the flag stands for itself.
        has_destroyed_.store(true, std::memory_order_relaxed);
    }
    [[nodiscard]] bool has_destroyed() const noexcept {
        return has_destroyed_.load(std::memory_order_relaxed);  // ORDER: as above.
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
    static constexpr size_t kMostArenas = kAllArenas;

    void refresh_locked() noexcept {
        known_ = core::arena_count();
        if (known_ > kMostArenas)
            known_ = kMostArenas;
        for (unsigned i = 0; i < known_; ++i) {
            if (arenas_[i] == nullptr) {
                void* const memory = core::allocate_metadata(sizeof(core::HeapSnapshot),
                                                             alignof(core::HeapSnapshot));
                if (memory != nullptr)
                    arenas_[i] = new (memory) core::HeapSnapshot;
            }
        }
        core::take_snapshots(heap_, {arenas_.data(), known_});
        core::take_process_locks(locks_);
        own_lock_ = lock_.counters();
        ++epoch_;
        static_cast<void>(arena_count(true));
    }

    void ensure_locked() noexcept {
        if (epoch_ == 0)
            refresh_locked();
    }

    int find_locked(size_t arena, const core::HeapSnapshot*& out) const noexcept {
        static constexpr core::HeapSnapshot kNothingYet{};
        if (arena == kAllArenas) {
            out = &heap_;
        } else if (arena == kDestroyedArenas) {
            out = &destroyed_;
            return has_destroyed() ? 0 : ENOENT;
        } else if (arena >= known_) {
            out = &kNothingYet;
            return arena < core::arena_count() ? 0 : ENOENT;
        } else {
            out = arenas_[arena];
        }
        return out == nullptr ? EAGAIN : 0;
    }

    int ensure_rows_locked(size_t arena) noexcept {
        if (arena == kDestroyedArenas)
            return ENOENT;
        if (rows_epoch_ == epoch_ && rows_arena_ == arena)
            return 0;
        rows_epoch_ = 0;
        const unsigned index =
            arena == kAllArenas ? core::arena_count() : static_cast<unsigned>(arena);
        if (!core::take_page_rows(index, rows_))
            return ENOENT;
        rows_arena_ = arena;
        rows_epoch_ = epoch_;
        return 0;
    }

    void bury_locked(const core::HeapSnapshot& last) noexcept;

    Lock lock_;
    // guarded by lock_
    uint64_t epoch_ = 0;
    unsigned known_ = 0;
    core::HeapSnapshot heap_{};
    std::array<core::HeapSnapshot*, kMostArenas> arenas_{};  // each null until its first epoch
    core::HeapSnapshot destroyed_{};
    core::ProcessLocks locks_{};
    core::LockSnapshot own_lock_{};
    uint64_t rows_epoch_ = 0;
    size_t rows_arena_ = 0;
    core::PageRowsSnapshot rows_{};
    // atomic, relaxed
    std::atomic<bool> has_destroyed_{false};
    std::atomic<unsigned> arena_count_{0};
};

/// The process's one cache.
[[nodiscard]] StatsCache& stats_cache() noexcept;

}  // namespace granary::ctl
