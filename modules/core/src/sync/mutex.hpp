// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mutex.hpp — a futex lock with a rank and a count, and its guard.
//
// Role        Every lock of the engine. Uncontended: one atomic exchange each way.
// Invariants  M1  word_ is 0 free, 1 held, 2 held and perhaps waited for.
//             M2  (debug) a thread acquires ranks in rising order.
//             M3  acquired_ is written by the holder only; what contention costs is counted by those
//                 who wait, in one of kContentions records that a lock gets when it is first fought
//                 for. When there are none left, further locks are not looked at.
// Locking     While a thread is between fork_prepare and fork_parent/child it holds every
//             lock; its own further acquisitions succeed at once and release nothing, so that
//             other libraries' fork handlers may allocate.
// Source      Drepper 2005, "Futexes are tricky", third variant.
#pragma once

#include <atomic>
#include <cstdint>

#include <granary/base/attributes.hpp>

#include "granary/core/lock_snapshot.hpp"
#include "sync/lock_rank.hpp"

namespace granary::core {

class Mutex {
public:
    constexpr explicit Mutex(LockRank rank) noexcept : rank_(rank) {}
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    /// @return true if the caller must unlock; false if this thread is forking and holds it anyway.
    [[nodiscard]] bool lock() noexcept {
        uint32_t free = 0;
        // ORDER: acquire, pairs with the release in unlock().
        if (GRANARY_LIKELY(word_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                                         std::memory_order_relaxed))) {
            count_acquired();
            note_acquired();
            return true;
        }
        return lock_contended();
    }

    /// @return true if the lock was taken.
    [[nodiscard]] bool try_lock() noexcept {
        uint32_t free = 0;
        // ORDER: acquire, pairs with the release in unlock().
        if (!word_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
            return false;
        }
        count_acquired();
        note_acquired();
        return true;
    }

    void unlock() noexcept {
        note_released();
        // ORDER: release, pairs with the acquires above.
        if (GRANARY_UNLIKELY(word_.exchange(0, std::memory_order_release) == 2))
            wake();
    }

    /// Forked child: nobody holds it, whatever the parent's threads did.
    void reset_after_fork() noexcept;

    /// What the lock has seen since it was made, or since reset_counters().
    [[nodiscard]] LockSnapshot counters() const noexcept;
    /// The holder of this moment may still count one acquisition of before.
    void reset_counters() noexcept;

    [[nodiscard]] LockRank rank() const noexcept { return rank_; }

    /// Locks whose contention can be told apart.
    static constexpr uint16_t kContentions = 1023;

private:
    struct Contention;

    bool lock_contended() noexcept;
    Contention* contention() const noexcept;
    Contention* make_contention() noexcept;
    void sleep(Contention* record) noexcept;
    void count_acquired() noexcept {
        acquired_.store(acquired_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void wake() noexcept;
#if GRANARY_DEBUG
    void note_acquired() const noexcept;
    void note_released() const noexcept;
#else
    void note_acquired() const noexcept {}
    void note_released() const noexcept {}
#endif

    std::atomic<uint32_t> word_{0};  // M1
    const LockRank rank_;
    std::atomic<uint16_t> contention_{0};  // M3: number of the record, 0 is none
    std::atomic<uint64_t> acquired_{0};    // M3
};
static_assert(sizeof(Mutex) == 16);

/// Holds a Mutex for a scope; may be released early.
class ScopedLock {
public:
    explicit ScopedLock(Mutex& mutex) noexcept : mutex_(mutex), held_(mutex.lock()) {}
    ~ScopedLock() { release(); }
    ScopedLock(const ScopedLock&) = delete;
    ScopedLock& operator=(const ScopedLock&) = delete;

    void release() noexcept {
        if (held_)
            mutex_.unlock();
        held_ = false;
    }
    /// After release() only.
    void reacquire() noexcept { held_ = mutex_.lock(); }

private:
    Mutex& mutex_;
    bool held_;
};

/// Marks the calling thread as the one that holds every lock (see Locking); or no thread.
void set_forking_thread(bool forking) noexcept;
[[nodiscard]] bool is_forking_thread() noexcept;
/// Tries before a lock sleeps; negative: it never does.
void set_lock_spins(int64_t spins) noexcept;
/// Debug: forgets the ranks this thread holds (fork handlers release locks wholesale).
void forget_held_ranks() noexcept;

}  // namespace granary::core
