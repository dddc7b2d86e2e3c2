// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lock_test.cpp — mutual exclusion under contention, and nobody left asleep.
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lock.hpp"

namespace granary::ctl {
namespace {

TEST(Lock, K1_OneThreadAtATimeAndEverybodyComesThrough) {
    constexpr int kThreads = 4;
    constexpr int kRounds = 50'000;
    Lock lock;
    long counter = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kRounds; ++i) {
                const LockGuard guard(lock);
                ++counter;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(counter, long{kThreads} * kRounds);
}

TEST(Lock, K2_ResetFreesALockThatSomebodyElseHeld) {
    Lock lock;
    lock.lock();
    lock.reset();
    lock.lock();
    lock.unlock();
}

}  // namespace
}  // namespace granary::ctl
