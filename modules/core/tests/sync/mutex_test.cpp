// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mutex_test.cpp — exclusion under contention, the rank witness, the forking thread.
#include "sync/mutex.hpp"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/build_config.hpp>

namespace granary::core {
namespace {

TEST(Mutex, OneHolderAtATimeUnderContention) {
    Mutex mutex(LockRank::bin);
    constexpr int kThreads = 4;
    constexpr int kRounds = 20'000;
    size_t total = 0;  // plain: a second holder would lose updates, and TSan would see it
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kRounds; ++i) {
                const ScopedLock lock(mutex);
                ++total;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(total, size_t{kThreads} * kRounds);
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
}

TEST(Mutex, SleepersAreWokenWhenTheHolderLetsGo) {
    Mutex mutex(LockRank::bin);
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> arrived{0};
        int through = 0;
        ASSERT_TRUE(mutex.lock());
        std::vector<std::thread> sleepers;
        for (int t = 0; t < 3; ++t) {
            sleepers.emplace_back([&] {
                arrived.fetch_add(1, std::memory_order_relaxed);
                const ScopedLock lock(mutex);
                ++through;
            });
        }
        while (arrived.load(std::memory_order_relaxed) != 3) std::this_thread::yield();
        EXPECT_EQ(through, 0);
        mutex.unlock();
        for (std::thread& sleeper : sleepers) sleeper.join();  // a lost wake-up would hang here
        ASSERT_EQ(through, 3);
    }
}

TEST(Mutex, TryLockRefusesWhatIsHeld) {
    Mutex mutex(LockRank::bin);
    ASSERT_TRUE(mutex.try_lock());
    bool taken = true;
    std::thread([&] { taken = mutex.try_lock(); }).join();
    EXPECT_FALSE(taken);
    mutex.unlock();
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
}

TEST(Mutex, ScopedLockMayBeReleasedEarlyAndTakenAgain) {
    Mutex mutex(LockRank::bin);
    ScopedLock lock(mutex);
    EXPECT_FALSE(mutex.try_lock());
    lock.release();
    ASSERT_TRUE(mutex.try_lock());
    mutex.unlock();
    lock.reacquire();
    EXPECT_FALSE(mutex.try_lock());
}

TEST(Mutex, TheForkingThreadPassesThroughLocksThatItHolds) {
    Mutex mutex(LockRank::bin);
    ASSERT_TRUE(mutex.lock());
    set_forking_thread(true);
    {
        const ScopedLock again(mutex);  // would hang for good without the rule
    }
    // The inner one released nothing.
    EXPECT_FALSE(mutex.try_lock());
    set_forking_thread(false);
    mutex.unlock();
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
}

TEST(Mutex, OtherThreadsStillWaitWhileOneForks) {
    Mutex mutex(LockRank::bin);
    ASSERT_TRUE(mutex.lock());
    set_forking_thread(true);
    std::atomic<bool> released{false};
    bool early = true;
    std::atomic<bool> arrived{false};
    std::thread other([&] {
        arrived.store(true, std::memory_order_relaxed);
        const ScopedLock lock(mutex);
        early = !released.load(std::memory_order_relaxed);
    });
    while (!arrived.load(std::memory_order_relaxed)) std::this_thread::yield();
    set_forking_thread(false);
    released.store(true, std::memory_order_relaxed);
    mutex.unlock();
    other.join();
    EXPECT_FALSE(early);
}

TEST(Mutex, AForkedChildStartsWithItFree) {
    Mutex mutex(LockRank::bin);
    ASSERT_TRUE(mutex.lock());
    forget_held_ranks();
    mutex.reset_after_fork();
    ASSERT_TRUE(mutex.try_lock());
    mutex.unlock();
}

TEST(LockRank, TheTableHasARowPerRankInOrder) {
    std::set<std::string_view> names;
    for (size_t i = 0; i < kLockRanks.size(); ++i) {
        EXPECT_EQ(static_cast<size_t>(kLockRanks[i].rank), i);
        EXPECT_FALSE(kLockRanks[i].layer.empty());
        EXPECT_FALSE(kLockRanks[i].protects.empty());
        EXPECT_TRUE(names.insert(kLockRanks[i].name).second) << kLockRanks[i].name;
    }
    EXPECT_EQ(static_cast<size_t>(LockRank::metadata_heap), kLockRanks.size() - 1);
}

#if GRANARY_DEBUG

TEST(MutexWitnessDeathTest, TakingALowerRankWhileHoldingAHigherOneAborts) {
    Mutex high(LockRank::bin);
    Mutex low(LockRank::chunk_source);
    const ScopedLock holding(high);
    EXPECT_DEATH(static_cast<void>(low.lock()),
                 "^<granary>: lock order: chunk_source taken while holding bin \\[M2\\]\n$");
    EXPECT_DEATH(static_cast<void>(low.try_lock()),
                 "^<granary>: lock order: chunk_source taken while holding bin \\[M2\\]\n$");
}

TEST(MutexWitness, RisingAndEqualRanksAreInOrder) {
    Mutex low(LockRank::chunk_source);
    Mutex high(LockRank::bin);
    Mutex equal(LockRank::bin);
    {
        const ScopedLock first(low);
        const ScopedLock second(high);
        const ScopedLock third(equal);
    }
    const ScopedLock again(low);  // everything higher was forgotten
}

#else

TEST(MutexWitness, IsAbsentFromReleaseBuilds) { EXPECT_FALSE(base::kDebug); }

#endif

TEST(MutexCounters, CountEveryAcquisition) {
    Mutex mutex{LockRank::bin};
    for (int i = 0; i < 3; ++i) ScopedLock lock(mutex);
    ASSERT_TRUE(mutex.try_lock());
    mutex.unlock();
    EXPECT_EQ(mutex.counters().acquired, 4U);
    EXPECT_EQ(mutex.counters().waited, 0U);
    mutex.reset_counters();
    EXPECT_EQ(mutex.counters().acquired, 0U);
}

TEST(MutexCounters, TellWhoHadToSleepAndHowLong) {
    Mutex mutex{LockRank::bin};
    ScopedLock lock(mutex);
    std::thread waiter([&] { ScopedLock second(mutex); });
    // Records are given out once per process: earlier tests of this one may have had them all.
    for (int i = 0; i < 2000 && mutex.counters().most_waiting == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (mutex.counters().most_waiting == 0) {
        lock.release();
        waiter.join();
        GTEST_SKIP() << "no record left for this lock";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    lock.release();
    waiter.join();
    const LockSnapshot seen = mutex.counters();
    EXPECT_EQ(seen.acquired, 2U);
    EXPECT_EQ(seen.waited, 1U);
    EXPECT_EQ(seen.most_waiting, 1U);
    EXPECT_GE(seen.total_wait_ns, 1'000'000U);
    EXPECT_EQ(seen.longest_wait_ns, seen.total_wait_ns);
}

}  // namespace
}  // namespace granary::core
