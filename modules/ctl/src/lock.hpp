// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lock.hpp — the one lock of ctl: bounded spinning, then sleep.
//
// Role        Rank `ctl`: taken before every lock of core, never while one of them is held.
// Owns        word_: 0 free, 1 held, 2 held and perhaps waited for; seen_, what it was used for.
// Invariants  K1  a thread sleeps only after it has set the word to 2; whoever takes the word from
//                 2 to 0 wakes one sleeper.
//             K2  reset() is for the child of a fork, where no other thread exists.
// Source      Drepper 2011, "Futexes are tricky", mutex 2.
#pragma once

#include <atomic>
#include <cstdint>

#include <granary/core/lock_snapshot.hpp>
#include <granary/os/clock.hpp>
#include <granary/os/futex.hpp>

namespace granary::ctl {

class Lock {
public:
    constexpr Lock() noexcept = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    void lock() noexcept {
        for (int spin = 0; spin < kSpins; ++spin) {
            uint32_t expected = kFree;
            // ORDER: acquire pairs with the release in unlock().
            if (word_.compare_exchange_weak(expected, kHeld, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
                ++seen_.acquired;
                seen_.spun += spin != 0 ? 1 : 0;
                return;
            }
        }
        const uint32_t waiting = waiting_.fetch_add(1, std::memory_order_relaxed) + 1;
        const uint64_t since = os::now_ns();
        // ORDER: acquire pairs with the release in unlock().
        while (word_.exchange(kWaited, std::memory_order_acquire) != kFree) {
            os::futex_wait(word_, kWaited);
        }
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        const uint64_t waited = os::now_ns() - since;
        seen_.add({1, 1, 0, waited, waited, waiting});
    }

    void unlock() noexcept {
        // ORDER: release publishes what the holder wrote to the next acquire in lock().
        if (word_.exchange(kFree, std::memory_order_release) == kWaited)
            os::futex_wake(word_, 1);
    }

    /// Free again, whoever held it before the fork (K2).
    void reset() noexcept {
        // ORDER: relaxed, the process has one thread.
        word_.store(kFree, std::memory_order_relaxed);
        waiting_.store(0, std::memory_order_relaxed);  // ORDER: as above.
    }

    /// What the lock has seen; for its holder.
    [[nodiscard]] const core::LockSnapshot& counters() const noexcept { return seen_; }
    void reset_counters() noexcept { seen_ = {}; }

private:
    static constexpr uint32_t kFree = 0;
    static constexpr uint32_t kHeld = 1;
    static constexpr uint32_t kWaited = 2;
    static constexpr int kSpins = 100;

    std::atomic<uint32_t> word_{kFree};
    std::atomic<uint32_t> waiting_{0};
    core::LockSnapshot seen_{};  // guarded by the lock itself
};

class LockGuard {
public:
    explicit LockGuard(Lock& lock) noexcept : lock_(lock) { lock_.lock(); }
    ~LockGuard() { lock_.unlock(); }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;

private:
    Lock& lock_;
};

}  // namespace granary::ctl
