// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// futex_test.cpp — who waits is woken; who need not wait does not. A failure shows as a time-out.
#include <granary/os/futex.hpp>

#include <cerrno>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace granary::os {
namespace {

TEST(Futex, DoesNotSleepWhenTheWordIsNotAsExpected) {
    std::atomic<uint32_t> word{1};
    errno = 77;
    futex_wait(word, 0);
    futex_wait_for(word, 0, 3'600'000'000'000);
    EXPECT_EQ(errno, 77);
}

TEST(Futex, ATimedWaitEndsWithoutAWake) {
    std::atomic<uint32_t> word{0};
    errno = 77;
    futex_wait_for(word, 0, 1'000'000);
    futex_wait_for(word, 0, 0);
    EXPECT_EQ(errno, 77);
}

TEST(Futex, TwoThreadsHandATurnToEachOther) {
    constexpr uint32_t kTurns = 2000;
    std::atomic<uint32_t> turn{0};
    uint64_t shared_count = 0;  // guarded by the turn
    const auto play = [&](uint32_t parity) {
        for (;;) {
            // ORDER: acquire, pairs with the release below: the other's count is visible.
            const uint32_t now = turn.load(std::memory_order_acquire);
            if (now >= kTurns) {
                return;
            }
            if (now % 2 != parity) {
                futex_wait(turn, now);
                continue;
            }
            ++shared_count;
            // ORDER: release, hands shared_count over with the turn.
            turn.store(now + 1, std::memory_order_release);
            futex_wake(turn, 1);
        }
    };
    std::thread other(play, 1U);
    play(0);
    other.join();
    EXPECT_EQ(shared_count, kTurns);
}

TEST(Futex, WakingAllReleasesEveryWaiter) {
    constexpr int kWaiters = 8;
    std::atomic<uint32_t> gate{0};
    std::atomic<int> passed{0};
    std::vector<std::thread> waiters;
    for (int i = 0; i < kWaiters; ++i) {
        waiters.emplace_back([&] {
            while (gate.load(std::memory_order_relaxed) == 0) {
                futex_wait(gate, 0);
            }
            passed.fetch_add(1, std::memory_order_relaxed);
        });
    }
    gate.store(1, std::memory_order_relaxed);
    futex_wake_all(gate);
    for (std::thread& waiter : waiters) {
        waiter.join();
    }
    EXPECT_EQ(passed.load(std::memory_order_relaxed), kWaiters);
}

}  // namespace
}  // namespace granary::os
