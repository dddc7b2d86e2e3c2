// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_state_test.cpp — magazines, outbox, flush, and what a forked child keeps.
#include "cache/thread_state.hpp"

#include <cstring>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/bin_floor.hpp"
#include "support/thread_floor.hpp"

namespace granary::core {
namespace {

using tests::PageCall;

const unsigned kClass = small_class(256);

class ThreadStateTest : public testing::Test, protected tests::ThreadFloor {
protected:
    ThreadStateTest() : own(*threads.attach(0)), other(*threads.attach(0)) {}
    void TearDown() override { check(); }

    std::vector<void*> pop(ThreadState& state, size_t count, unsigned size_class = kClass) {
        std::vector<void*> regions;
        for (size_t i = 0; i < count; ++i) {
            regions.push_back(state.pop(size_class));
            EXPECT_NE(regions.back(), nullptr);
        }
        return regions;
    }
    size_t pending(const ThreadState& state, unsigned size_class = kClass) {
        size_t sum = 0;
        state.for_each_pending([&](uint32_t, unsigned c, size_t regions) {
            sum += c == size_class ? regions : 0;
        });
        return sum;
    }
    static size_t capacity(unsigned size_class = kClass) {
        return kSizeClasses[size_class].magazine_capacity;
    }

    ThreadState& own;
    ThreadState& other;
};

TEST_F(ThreadStateTest, RegionsAreDistinctAndOfTheOwnArena) {
    std::set<void*> seen;
    for (void* region : pop(own, 1000)) {
        EXPECT_TRUE(seen.insert(region).second);
        EXPECT_EQ(detail::page_tag(base::address_of(region)), own.owner_key | kClass);
        std::memset(region, 1, 256);
    }
    EXPECT_EQ(taken(kClass), 1000 + own.cached(kClass));
}

TEST_F(ThreadStateTest, TheRegionPushedLastIsPoppedFirst) {
    const auto regions = pop(own, 3);
    for (void* region : regions) own.push(kClass, region);
    EXPECT_EQ(own.pop(kClass), regions[2]);
    EXPECT_EQ(own.pop(kClass), regions[1]);
    EXPECT_EQ(own.pop(kClass), regions[0]);
}

TEST_F(ThreadStateTest, F2_ANeverUsedClassIsEmptyAndFullAtOnce) {
    for (const auto& bin : own.tops) {
        void** const top = bin.load(std::memory_order_relaxed);
        EXPECT_EQ(top[-1], nullptr) << "empty";
        EXPECT_EQ(top[-2], nullptr);
        EXPECT_TRUE(base::is_aligned(base::address_of(top), detail::kMagazineAlignment)) << "full";
    }
    EXPECT_EQ(own.cached(kClass), 0U);
}

TEST_F(ThreadStateTest, AFullMagazineIsParkedWhole) {
    const auto regions = pop(own, 5 * capacity());
    const size_t before = own.cached(kClass);
    for (void* region : regions) own.push(kClass, region);
    const BinCounts counts = own.arena->bin(kClass).counts();
    EXPECT_GE(counts.parked, 4 * capacity());
    EXPECT_EQ(counts.parked + own.cached(kClass), regions.size() + before);
    EXPECT_EQ(counts.flushes, 0U);
    // And they come back from there.
    std::set<void*> again;
    for (void* region : pop(own, 5 * capacity())) again.insert(region);
    EXPECT_EQ(again, std::set<void*>(regions.begin(), regions.end()));
}

TEST_F(ThreadStateTest, AClassThatNobodyAsksForGivesItsRegionsBack) {
    constexpr uint64_t kLong = 1'000'000'000;
    const unsigned busy = small_class(64);
    for (const unsigned c : {kClass, busy}) {
        for (void* region : pop(own, 3, c)) own.push(c, region);
    }
    own.age(1 * kLong);
    EXPECT_NE(own.cached(kClass), 0U) << "asked for since the time before";
    EXPECT_NE(own.cached(busy), 0U);
    pop(own, 1, busy);
    own.age(2 * kLong);
    EXPECT_EQ(own.cached(kClass), 0U);
    EXPECT_EQ(taken(kClass), 0U);
    EXPECT_NE(own.cached(busy), 0U);
    own.age(2 * kLong + 1);
    EXPECT_NE(own.cached(busy), 0U) << "too soon after the last time";
}

TEST_F(ThreadStateTest, RemoteRegionsGoThroughTheOutboxToTheirArena) {
    const auto regions = pop(other, 5);
    for (void* region : regions) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    EXPECT_EQ(pending(own), 5U);
    EXPECT_EQ(own.pending_bytes, 5 * 256U);
    EXPECT_EQ(own.cached(kClass), 0U);
    own.post_all();
    EXPECT_EQ(pending(own), 0U);
    EXPECT_EQ(own.pending_bytes, 0U);
    other.arena->drain_inbox();
    EXPECT_EQ(other.arena->bin(kClass).counts().parked, 5U);
}

TEST_F(ThreadStateTest, AFullOutboxMagazineIsPostedAtOnce) {
    const unsigned c = small_class(64);
    const auto regions = pop(other, capacity(c), c);
    for (void* region : regions) own.send(detail::owner_key(other.arena->index()) | c, region);
    EXPECT_EQ(pending(own, c), 0U);
    other.arena->drain_inbox();
    EXPECT_EQ(other.arena->bin(c).counts().parked, capacity(c));
}

TEST_F(ThreadStateTest, T2_TheOutboxHoldsAtMostItsLimit) {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        for (void* region : pop(other, 3, c)) {
            own.send(detail::owner_key(other.arena->index()) | c, region);
            ASSERT_LE(own.pending_bytes, ThreadState::kOutboxBytes) << kSizeClasses[c].size;
        }
    }
}

TEST_F(ThreadStateTest, AnOutboxOfManyKeysPostsTheOldestOfASet) {
    // More (arena, class) pairs than the outbox has places: nothing may get lost.
    size_t sent = 0;
    for (int round = 0; round < 4; ++round) {
        for (unsigned c = 0; c < 24; ++c) {
            own.send(detail::owner_key(other.arena->index()) | c, other.pop(c));
            ++sent;
            own.check_invariants();
        }
    }
    own.post_all();
    drain_inboxes();
    size_t parked = 0;
    for (unsigned c = 0; c < 24; ++c) parked += other.arena->bin(c).counts().parked;
    EXPECT_EQ(parked, sent);
}

TEST_F(ThreadStateTest, FlushEmptiesEverything) {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        for (void* region : pop(own, 10, c)) own.push(c, region);
        for (void* region : pop(other, 10, c)) own.send(detail::owner_key(other.arena->index()) | c, region);
    }
    own.flush();
    other.flush();
    drain_inboxes();
    for (uint32_t i = 0; i < threads.arena_count(); ++i) arena_at(i)->purge();
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        EXPECT_EQ(own.cached(c), 0U);
        EXPECT_EQ(taken(c), 0U);
    }
    EXPECT_EQ(own.pending_bytes, 0U);
    EXPECT_EQ(own.spare, nullptr);
    EXPECT_NE(own.pop(kClass), nullptr) << "and the cache works again";
}

TEST_F(ThreadStateTest, WithoutMemoryPopSaysNoAndRecovers) {
    fake.fail_after(PageCall::map, 0);
    fake.fail_after(PageCall::commit, 0);
    while (own.pop(kClass) != nullptr) {
    }
    own.check_invariants();
    fake.heal();
    EXPECT_NE(own.pop(kClass), nullptr);
}

TEST_F(ThreadStateTest, WithoutAMagazineFreesGoStraightToTheRuns) {
    const auto mine = pop(own, 4 * capacity());
    const auto theirs = pop(other, 5);
    own.flush();
    other.flush();
    const size_t before = taken(kClass);
    std::vector<Magazine*> all;
    fake.fail_after(PageCall::map, 0);
    while (Magazine* magazine = magazines.take(metadata)) all.push_back(magazine);
    for (void* region : mine) own.push(kClass, region);
    for (void* region : theirs) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    EXPECT_EQ(taken(kClass), before - mine.size() - theirs.size());
    EXPECT_EQ(pending(own), 0U);
}

// What a child finds of a thread that was somewhere when another thread forked (T3).

TEST_F(ThreadStateTest, T3_OutsideOfTransitionsAForkLosesNothing) {
    for (void* region : pop(own, 10)) own.push(kClass, region);
    for (void* region : pop(other, 3)) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    const size_t cached = own.cached(kClass);
    own.repair_after_fork();
    EXPECT_EQ(own.cached(kClass), cached);
    EXPECT_EQ(pending(own), 3U);
}

TEST_F(ThreadStateTest, T3_ABinThatWasBeingRewrittenIsDroppedAndOthersStay) {
    const unsigned neighbour = kClass + 1;
    for (void* region : pop(own, 10)) own.push(kClass, region);
    for (void* region : pop(own, 10, neighbour)) own.push(neighbour, region);
    for (void* region : pop(other, 3)) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    const size_t kept = own.cached(neighbour);
    own.transition.store(static_cast<uint8_t>(kClass + 1), std::memory_order_relaxed);
    own.repair_after_fork();
    EXPECT_EQ(own.cached(kClass), 0U);
    EXPECT_EQ(own.cached(neighbour), kept);
    EXPECT_EQ(pending(own), 3U);
    EXPECT_EQ(own.transition.load(std::memory_order_relaxed), 0U);
    own.check_invariants();
    for (void* region : pop(own, 500)) std::memset(region, 2, 256);
}

TEST_F(ThreadStateTest, T3_AnOutboxThatWasBeingRewrittenIsDropped) {
    for (void* region : pop(own, 10)) own.push(kClass, region);
    for (void* region : pop(other, 3)) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    const size_t cached = own.cached(kClass);
    own.transition.store(ThreadState::kOutboxTransition, std::memory_order_relaxed);
    own.repair_after_fork();
    EXPECT_EQ(own.cached(kClass), cached);
    EXPECT_EQ(pending(own), 0U);
    EXPECT_EQ(own.pending_bytes, 0U);
    own.check_invariants();
    own.send(detail::owner_key(other.arena->index()) | kClass, other.pop(kClass));
    EXPECT_EQ(pending(own), 1U);
}

TEST_F(ThreadStateTest, T3_ASendThatHadNotCountedItsBytesIsCounted) {
    for (void* region : pop(other, 3)) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    own.pending_bytes -= 256;  // the last store of the third send
    own.repair_after_fork();
    EXPECT_EQ(own.pending_bytes, 3 * 256U);
    own.check_invariants();
}

TEST_F(ThreadStateTest, TransitionsEndWithTheirOperation) {
    for (void* region : pop(own, 3 * capacity())) own.push(kClass, region);
    for (void* region : pop(other, 100)) own.send(detail::owner_key(other.arena->index()) | kClass, region);
    EXPECT_EQ(own.transition.load(std::memory_order_relaxed), 0U);
    own.flush();
    EXPECT_EQ(own.transition.load(std::memory_order_relaxed), 0U);
}

using ThreadStateDeathTest = ThreadStateTest;

TEST_F(ThreadStateDeathTest, PushingOneOfTheTwoNewestAgainIsADoubleFree) {
    const auto regions = pop(own, 2);
    own.push(kClass, regions[0]);
    own.push(kClass, regions[1]);
    EXPECT_DEATH(own.push(kClass, regions[1]), tests::double_free_line(regions[1], 256));
    EXPECT_DEATH(own.push(kClass, regions[0]), tests::double_free_line(regions[0], 256));
}

TEST_F(ThreadStateDeathTest, SendingOneOfTheTwoNewestAgainIsADoubleFree) {
    const auto regions = pop(other, 2);
    own.send(detail::owner_key(other.arena->index()) | kClass, regions[0]);
    EXPECT_DEATH(own.send(detail::owner_key(other.arena->index()) | kClass, regions[0]),
                 tests::double_free_line(regions[0], 256));
    own.send(detail::owner_key(other.arena->index()) | kClass, regions[1]);
    EXPECT_DEATH(own.send(detail::owner_key(other.arena->index()) | kClass, regions[0]),
                 tests::double_free_line(regions[0], 256));
}

TEST_F(ThreadStateDeathTest, AnOlderDoubleFreeIsFoundWhenTheMagazineMeetsItsRuns) {
    const auto regions = pop(own, 5);
    for (void* region : regions) own.push(kClass, region);
    own.push(kClass, regions[0]);  // too long ago for the look at the two newest
    EXPECT_DEATH(own.flush(), tests::double_free_line(regions[0], 256));
    EXPECT_EQ(own.pop(kClass), regions[0]);
}

TEST_F(ThreadStateDeathTest, T1_ARegionOfAnotherArenaInAMagazineIsFound) {
    void* const region = other.pop(kClass);
    own.push(kClass, region);
    EXPECT_DEATH(own.check_invariants(),
                 "^<granary>: thread cache: region of another arena or class \\[T1\\]\n$");
    EXPECT_EQ(own.pop(kClass), region);
}

}  // namespace
}  // namespace granary::core
