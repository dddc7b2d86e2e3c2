// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// reset_test.cpp — arenas that are emptied, and arenas that end.
#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

#include "granary/core/extended.hpp"
#include "support/heap_fixture.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::fill;
using tests::kKiB;
using tests::kMiB;

class Reset : public tests::HeapFixture {
protected:
    /// Regions of every kind, some of them freed again in one way or another.
    static void use(unsigned arena, uint64_t seed, unsigned cache = kNoCache) {
        base::Prng prng(seed);
        std::vector<void*> live;
        for (int i = 0; i < 800; ++i) {
            const size_t limit = i % 40 == 0 ? 5 * kMiB : i % 8 == 0 ? 200 * kKiB : 3 * kKiB;
            const size_t size = prng.below(limit) + 1;
            live.push_back(allocate_with(size, {.arena = arena, .cache = cache}));
            ASSERT_NE(live.back(), nullptr);
            fill(live.back(), std::min(size, 4 * kKiB), 1);
            if (prng.below(3) == 0) {
                std::swap(live[prng.below(live.size())], live.back());
                deallocate_with(live.back(), prng.below(2) != 0 ? cache : kAutomaticCache);
                live.pop_back();
            }
        }
    }
    static HeapSnapshot of(unsigned arena) {
        HeapSnapshot one;
        EXPECT_TRUE(take_arena_snapshot(arena, one));
        return one;
    }
};

TEST_F(Reset, FreesSmallLargeAndHuge) {
    const unsigned arena = create_arena();
    for (uint64_t round = 0; round < 5; ++round) {
        use(arena, tests::test_seed(11) + round);
        EXPECT_GT(of(arena).small_allocated, 0U);
        EXPECT_GT(of(arena).large_allocated, 0U);
        EXPECT_GT(of(arena).huge_allocated, 0U);
        ASSERT_TRUE(reset_arena(arena));
        const HeapSnapshot now = of(arena);
        EXPECT_EQ(now.allocated, 0U);
        EXPECT_EQ(now.active, 0U);
        EXPECT_EQ(now.cached, 0U);
        EXPECT_EQ(now.large_live + now.huge_live, 0U);
        EXPECT_EQ(allocated(), 0U);
        check_invariants();
    }
}

TEST_F(Reset, EmptiesExplicitCachesFirst) {
    const unsigned arena = create_arena();
    const unsigned cache = create_tcache();
    use(arena, 3, cache);
    ASSERT_TRUE(reset_arena(arena));
    check_invariants();
    use(arena, 4, cache);
    ASSERT_TRUE(reset_arena(arena));
    EXPECT_EQ(of(arena).cached, 0U);
    ASSERT_TRUE(destroy_tcache(cache));
}

TEST_F(Reset, EmptiesTheCallersCacheFirst) {
    const unsigned arena = create_arena();
    const unsigned home = thread_arena();
    ASSERT_TRUE(bind_thread(arena));
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 500; ++i) {
            void* const region = allocate(static_cast<size_t>(i * 7 % 4000 + 1));
            if (i % 2 == 0)
                deallocate(region);
        }
        static_cast<void>(allocate(100 * kKiB));
        deallocate(allocate(100 * kKiB));
        ASSERT_TRUE(reset_arena(arena));
        EXPECT_EQ(of(arena).allocated, 0U);
        check_invariants();
    }
    EXPECT_FALSE(destroy_arena(arena)) << "a thread is attached";
    ASSERT_TRUE(bind_thread(home));
    EXPECT_TRUE(destroy_arena(arena));
}

TEST_F(Reset, IsForArenasOfTheProgramOnly) {
    EXPECT_FALSE(reset_arena(0));
    EXPECT_FALSE(destroy_arena(0));
    EXPECT_FALSE(reset_arena(arena_count()));
    EXPECT_FALSE(destroy_arena(kNoIndex));
}

TEST_F(Reset, OfADestroyedArenaIsRefused) {
    const unsigned arena = create_arena();
    use(arena, 5);
    ASSERT_TRUE(destroy_arena(arena));
    EXPECT_FALSE(arena_exists(arena));
    EXPECT_FALSE(reset_arena(arena));
    EXPECT_FALSE(destroy_arena(arena));
    EXPECT_FALSE(bind_thread(arena));
    EXPECT_EQ(allocate_with(100, {.arena = arena}), nullptr);
    EXPECT_EQ(allocated(), 0U);
    check_invariants();
}

TEST_F(Reset, LetsAnIndexBeUsedAgain) {
    const unsigned first = create_arena();
    ASSERT_TRUE(set_arena_name(first, "old"));
    ASSERT_TRUE(set_arena_dirty_decay_ms(first, 5));
    use(first, 6);
    ASSERT_TRUE(destroy_arena(first));
    // Whatever index it is, it is an arena like a new one.
    std::vector<unsigned> made;
    do {
        made.push_back(create_arena());
    } while (made.back() != first && made.size() < 64);
    EXPECT_EQ(made.back(), first);
    char name[kArenaNameSize];
    ASSERT_TRUE(arena_name(first, name));
    EXPECT_STREQ(name, ("manual_" + std::to_string(first)).c_str());
    EXPECT_EQ(arena_dirty_decay_ms(first), dirty_decay_ms());
    use(first, 7);
    check_invariants();
    for (const unsigned arena : made) EXPECT_TRUE(destroy_arena(arena));
    EXPECT_EQ(allocated(), 0U);
}

TEST_F(Reset, KeepsAnIndexThatAnOutboxNames) {
    const unsigned arena = create_arena();
    // Fewer than an outbox holds: they are still on their way.
    std::vector<void*> regions;
    for (int i = 0; i < 5; ++i) regions.push_back(allocate_with(32, {.arena = arena}));
    std::atomic<int> phase{0};
    std::thread other([&] {
        for (void* region : regions) deallocate(region);
        phase.store(1);
        phase.notify_all();
        phase.wait(1);
    });
    phase.wait(0);
    ASSERT_TRUE(destroy_arena(arena));
    const unsigned next = create_arena();
    EXPECT_NE(next, arena) << "the other thread's outbox still names it";
    phase.store(2);
    phase.notify_all();
    other.join();
    purge_all();  // meets what was posted
    EXPECT_EQ(create_arena(), arena) << "posted at the thread's end, and void";
    check_invariants();
    EXPECT_TRUE(destroy_arena(arena));
    EXPECT_TRUE(destroy_arena(next));
}

TEST_F(Reset, MayHappenWhileOthersLookAround) {
    const unsigned arena = create_arena();
    std::atomic<bool> stop{false};
    std::vector<std::thread> team;
    for (int t = 0; t < 3; ++t) {
        team.emplace_back([&, t] {
            while (!stop.load(std::memory_order_relaxed)) {
                switch (t) {
                    case 0:
                        purge_arena(arena);
                        decay_arena(arena);
                        break;
                    case 1:
                        of(arena);
                        break;
                    default:
                        maintain();
                        check_invariants();
                        deallocate(allocate(1000));
                        break;
                }
            }
        });
    }
    for (uint64_t round = 0; round < 12; ++round) {
        use(arena, round);
        ASSERT_TRUE(flush_thread_cache());
        ASSERT_TRUE(reset_arena(arena));
    }
    stop.store(true);
    for (std::thread& thread : team) thread.join();
    EXPECT_EQ(of(arena).allocated, 0U);
}

using ResetDeathTest = Reset;

TEST_F(ResetDeathTest, MakesEarlierRegionsForeignOrFreed) {
    const unsigned arena = create_arena();
    void* const small = allocate_with(64, {.arena = arena});
    void* const huge = allocate_with(5 * kMiB, {.arena = arena});
    ASSERT_TRUE(reset_arena(arena));
    EXPECT_FALSE(owns(small));
    EXPECT_FALSE(owns(huge));
    EXPECT_DEATH(deallocate(small), "free of 0x[0-9a-f]+");
    EXPECT_DEATH(deallocate(huge), "double free of 0x[0-9a-f]+");
}

}  // namespace
}  // namespace granary::core
