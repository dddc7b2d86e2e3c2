// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lock.hpp — the one lock of ctl: bounded spinning, then sleep.
//
// Role        Rank `ctl`: taken before every lock of core, never while one of them is held.
// Owns        word_: 0 free, 1 held, 2 held and perhaps waited for.
// Invariants  K1  a thread sleeps only after it has set the word to 2; whoever takes the word from
//                 2 to 0 wakes one sleeper.
//             K2  reset() is for the child of a fork, where no other thread exists.
// Source      Drepper 2011, "Futexes are tricky", mutex 2.
#pragma once

#include <atomic>
#include <cstdint>

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
                return;
            }
        }
        // ORDER: acquire pairs with the release in unlock().
        while (word_.exchange(kWaited, std::memory_order_acquire) != kFree) {
            os::futex_wait(word_, kWaited);
        }
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
    }

private:
    static constexpr uint32_t kFree = 0;
    static constexpr uint32_t kHeld = 1;
    static constexpr uint32_t kWaited = 2;
    static constexpr int kSpins = 100;

    std::atomic<uint32_t> word_{kFree};
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
