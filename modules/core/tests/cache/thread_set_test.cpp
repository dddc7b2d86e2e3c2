// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_set_test.cpp — who adopts what, idle states, and threads that come and go.
#include "cache/thread_set.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "support/seed.hpp"
#include "support/thread_floor.hpp"

namespace granary::core {
namespace {

using tests::PageCall;

const unsigned kClass = small_class(128);

class ThreadSetTest : public testing::Test, protected tests::ThreadFloor {
protected:
    void TearDown() override { check(); }
    static uint32_t users(const ThreadState& state) {
        return state.arena->threads.load(std::memory_order_relaxed);
    }
};

TEST_F(ThreadSetTest, MakesNothingBeforeTheFirstThread) {
    EXPECT_EQ(threads.arena_count(), 0U);
    EXPECT_EQ(threads.any_arena(), nullptr);
    EXPECT_EQ(threads.arena_limit(), 4U);
}

TEST_F(ThreadSetTest, N2_ThreadsHaveArenasOfTheirOwnUpToTheLimitAndShareBeyond) {
    std::vector<ThreadState*> states;
    std::set<Arena*> arenas;
    for (int i = 0; i < 4; ++i) {
        states.push_back(threads.attach(0));
        ASSERT_NE(states.back(), nullptr);
        EXPECT_TRUE(arenas.insert(states.back()->arena).second);
        EXPECT_EQ(users(*states.back()), 1U);
        EXPECT_EQ(arena_at(states.back()->arena->index()), states.back()->arena);
    }
    for (int i = 0; i < 4; ++i) {
        states.push_back(threads.attach(0));
        EXPECT_TRUE(arenas.contains(states.back()->arena));
    }
    EXPECT_EQ(threads.arena_count(), 4U);
    for (const ThreadState* state : states)
        EXPECT_EQ(users(*state), 2U) << "the fewest first: evenly";
    for (ThreadState* state : states) threads.detach(*state);
}

TEST_F(ThreadSetTest, N1_AnIdleStateIsTakenOverWithItsArenaAndItsMagazines) {
    ThreadState* const first = threads.attach(0);
    void* const region = first->pop(kClass);
    first->push(kClass, region);
    const size_t cached = first->cached(kClass);
    Arena* const arena = first->arena;
    threads.detach(*first);
    EXPECT_TRUE(first->idle);
    EXPECT_EQ(arena->threads.load(std::memory_order_relaxed), 0U);
    ThreadState* const second = threads.attach(0);
    EXPECT_EQ(second, first);
    EXPECT_FALSE(second->idle);
    EXPECT_EQ(second->arena, arena);
    EXPECT_EQ(second->cached(kClass), cached);
    EXPECT_EQ(second->pop(kClass), region) << "warm";
    EXPECT_EQ(threads.arena_count(), 1U);
}

TEST_F(ThreadSetTest, TheStateThatIdledLastIsTakenFirst) {
    ThreadState* const a = threads.attach(0);
    ThreadState* const b = threads.attach(0);
    threads.detach(*a);
    threads.detach(*b);
    EXPECT_EQ(threads.attach(0), b);
    EXPECT_EQ(threads.attach(0), a);
}

TEST_F(ThreadSetTest, ANewThreadStartsItsCountersAtZeroAndCached) {
    ThreadState* const state = threads.attach(0);
    state->allocated.store(77, std::memory_order_relaxed);
    state->mode = ThreadState::Mode::counting;
    threads.detach(*state);
    ThreadState* const next = threads.attach(0);
    EXPECT_EQ(next->allocated.load(std::memory_order_relaxed), 0U);
    EXPECT_EQ(next->mode, ThreadState::Mode::cached);
}

TEST_F(ThreadSetTest, DetachPostsTheOutbox) {
    ThreadState* const own = threads.attach(0);
    ThreadState* const other = threads.attach(0);
    own->send(detail::owner_key(other->arena->index()) | kClass, other->pop(kClass));
    threads.detach(*own);
    other->arena->drain_inbox();
    EXPECT_EQ(other->arena->bin(kClass).counts().parked, 1U);
}

TEST_F(ThreadSetTest, AgeIdleCoolsOneStatePerCallTheColdestFirst) {
    std::array<ThreadState*, 3> states{};
    for (ThreadState*& state : states) {
        state = threads.attach(0);
        state->push(kClass, state->pop(kClass));
    }
    for (ThreadState* state : states) threads.detach(*state);
    threads.age_idle(0);
    EXPECT_EQ(states[0]->cached(kClass), 0U);
    EXPECT_GT(states[1]->cached(kClass), 0U);
    threads.age_idle(0);
    EXPECT_EQ(states[1]->cached(kClass), 0U);
    EXPECT_GT(states[2]->cached(kClass), 0U);
    threads.age_idle(0);
    EXPECT_EQ(states[2]->cached(kClass), 0U);
}

TEST_F(ThreadSetTest, FlushIdleEmptiesAllIdleStatesAndOnlyThose) {
    ThreadState* const idle = threads.attach(0);
    ThreadState* const busy = threads.attach(0);
    idle->push(kClass, idle->pop(kClass));
    busy->push(kClass, busy->pop(kClass));
    threads.detach(*idle);
    threads.flush_idle();
    EXPECT_EQ(idle->cached(kClass), 0U);
    EXPECT_GT(busy->cached(kClass), 0U);
}

TEST_F(ThreadSetTest, AfterAForkOnlyTheSurvivorIsAttached) {
    std::array<ThreadState*, 4> states{};
    for (ThreadState*& state : states) state = threads.attach(0);
    threads.detach(*states[3]);
    states[0]->transition.store(static_cast<uint8_t>(kClass + 1), std::memory_order_relaxed);
    threads.orphan_all_but(states[1]);
    EXPECT_FALSE(states[1]->idle);
    EXPECT_EQ(users(*states[1]), 1U);
    for (const size_t i : {0U, 2U, 3U}) {
        EXPECT_TRUE(states[i]->idle);
        EXPECT_EQ(users(*states[i]), 0U);
        EXPECT_EQ(states[i]->transition.load(std::memory_order_relaxed), 0U);
    }
    std::set<ThreadState*> taken;
    for (int i = 0; i < 3; ++i) taken.insert(threads.attach(0));
    EXPECT_EQ(taken, (std::set<ThreadState*>{states[0], states[2], states[3]}));
    EXPECT_EQ(threads.arena_count(), 4U) << "no arena was lost";
}

TEST_F(ThreadSetTest, NewArenasStartWithTheDecayTimesInForce) {
    threads.set_decay(0, 0, 0);
    ThreadState* const state = threads.attach(0);
    void* const region = state->arena->allocate_large(8, 1, nullptr);
    ASSERT_NE(state->arena->allocate_large(1, 1, nullptr), nullptr);
    state->arena->deallocate_large(PageMap::extent_at(base::address_of(region)));
    state->arena->age(true);
    EXPECT_TRUE(state->arena->has_unpurged());
    state->arena->tick(1);
    EXPECT_FALSE(state->arena->has_unpurged());
}

TEST_F(ThreadSetTest, WithoutMemoryAttachSaysNoAndWorksLater) {
    fake.fail_after(PageCall::map, 0);
    EXPECT_EQ(threads.attach(0), nullptr);
    EXPECT_EQ(threads.arena_count(), 0U);
    fake.heal();
    EXPECT_NE(threads.attach(0), nullptr);
}

TEST_F(ThreadSetTest, WithoutMemoryForAnArenaThreadsShareOne) {
    ThreadState* const first = threads.attach(0);
    ASSERT_NE(first, nullptr);
    std::set<Arena*> arenas{first->arena};
    // What is left of the metadata block may hold a state, but seldom an arena.
    fake.fail_after(PageCall::map, 0);
    while (ThreadState* state = threads.attach(0)) arenas.insert(state->arena);
    // The last one may have been made for a state that found no room any more.
    EXPECT_GE(arenas.size() + 1, threads.arena_count());
    fake.heal();
    ThreadState* const last = threads.attach(0);
    ASSERT_NE(last, nullptr);
    arenas.insert(last->arena);
    EXPECT_EQ(arenas.size(), threads.arena_count()) << "no arena is left without a thread";
}

TEST_F(ThreadSetTest, LimitsAreBroughtIntoRange) {
    ThreadSet none;
    none.bind(source, metadata, magazines, 0);
    EXPECT_EQ(none.arena_limit(), 1U);
    ThreadSet many;
    many.bind(source, metadata, magazines, UINT32_MAX);
    EXPECT_EQ(many.arena_limit(), detail::kMaxArenas);
}

/// More threads than arenas, each with a short life; regions are freed by whoever finds them.
TEST_F(ThreadSetTest, ThreadsThatComeAndGoLoseNoRegion) {
    const uint64_t seed = tests::test_seed(81);
    SCOPED_TRACE(tests::seed_note(seed));
    constexpr int kThreads = 6;
    std::mutex exchange_mutex;
    std::vector<void*> exchange;
    std::atomic<bool> failed{false};
    std::atomic<int> arrived{0};  // all live at once in the beginning
    auto release = [](ThreadState& state, void* region) {
        const uint32_t tag = detail::page_tag(base::address_of(region));
        if ((tag ^ state.owner_key) < kSmallClassCount) {
            state.push(detail::tag_code(tag), region);
        } else {
            state.send(tag, region);
        }
    };
    auto life = [&](uint64_t id) {
        base::Prng prng(seed + id);
        for (int birth = 0; birth < 20; ++birth) {
            ThreadState& state = *threads.attach(0);
            arrived.fetch_add(1, std::memory_order_relaxed);
            while (arrived.load(std::memory_order_relaxed) < kThreads) std::this_thread::yield();
            std::vector<void*> mine;
            for (int i = 0; i < 400; ++i) {
                if (prng.below(2) == 0 || mine.empty()) {
                    void* const region =
                        state.pop(small_class(16) + static_cast<unsigned>(prng.below(20)));
                    *static_cast<uint64_t*>(region) = id;
                    mine.push_back(region);
                    continue;
                }
                std::swap(mine[prng.below(mine.size())], mine.back());
                void* const region = mine.back();
                mine.pop_back();
                if (*static_cast<uint64_t*>(region) != id)
                    failed.store(true, std::memory_order_relaxed);
                if (prng.below(3) == 0) {
                    const std::lock_guard lock(exchange_mutex);
                    exchange.push_back(region);
                } else {
                    release(state, region);
                }
            }
            {
                const std::lock_guard lock(exchange_mutex);
                for (size_t i = 0; i < 40 && !exchange.empty(); ++i) {
                    std::swap(exchange[prng.below(exchange.size())], exchange.back());
                    mine.push_back(exchange.back());
                    exchange.pop_back();
                }
            }
            for (void* region : mine) release(state, region);
            threads.detach(state);
            if (prng.below(4) == 0)
                threads.age_idle(0);
            if (prng.below(10) == 0)
                threads.flush_idle();
        }
    };
    std::vector<std::thread> team;
    for (uint64_t id = 1; id <= kThreads; ++id) team.emplace_back(life, id);
    for (std::thread& thread : team) thread.join();
    EXPECT_FALSE(failed.load(std::memory_order_relaxed));
    EXPECT_EQ(threads.arena_count(), 4U);
    check();
    ThreadState& last = *threads.attach(0);
    for (void* region : exchange) release(last, region);
    threads.detach(last);
    threads.flush_idle();
    for (uint32_t i = 0; i < threads.arena_count(); ++i) arena_at(i)->purge();
    for (unsigned c = 0; c < kSmallClassCount; ++c) EXPECT_EQ(taken(c), 0U) << c;
    for (uint32_t i = 0; i < threads.arena_count(); ++i) {
        const PageCounts counts = arena_at(i)->pages().counts();
        EXPECT_EQ(counts.active + counts.dirty + counts.muzzy, 0U);
        EXPECT_EQ(arena_at(i)->threads.load(std::memory_order_relaxed), 0U);
    }
}

}  // namespace
}  // namespace granary::core
