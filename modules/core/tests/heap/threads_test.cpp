// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// threads_test.cpp — remote frees, ends of threads, sharing of arenas. Meant for ThreadSanitizer too.
#include <pthread.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <climits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/build_config.hpp>
#include <granary/base/prng.hpp>

#include "support/heap_fixture.hpp"
#include "support/seed.hpp"
#include "support/startup_options.hpp"

namespace granary::core {
namespace {

using tests::automatic_arenas;
using tests::kMiB;
using tests::snapshot;

class Threads : public tests::HeapFixture {};

/// A region in somebody's hands, with what it must contain.
struct Held {
    void* region;
    size_t size;
    unsigned tag;
};

class Exchange {
public:
    explicit Exchange(size_t kept) : kept_(kept) {}
    void put(const Held& held) {
        const std::lock_guard lock(mutex_);
        held_.push_back(held);
    }
    /// Any of them; false while there are few, so that regions stay here for a while.
    bool take(base::Prng& prng, Held& out) {
        const std::lock_guard lock(mutex_);
        if (held_.size() <= kept_)
            return false;
        std::swap(held_[prng.below(held_.size())], held_.back());
        out = held_.back();
        held_.pop_back();
        return true;
    }
    std::vector<Held>& all() { return held_; }  // while nothing runs

private:
    const size_t kept_;
    std::mutex mutex_;
    std::vector<Held> held_;
};

size_t random_size(base::Prng& prng) {
    const uint64_t kind = prng.below(200);
    if (kind == 0)
        return kMiB + prng.below(3 * kMiB);
    if (kind < 10)
        return kSmallMax + prng.below(200'000);
    return prng.below(size_t{1} << (4 + prng.below(11)));
}

/// More threads than arenas. Everybody allocates, resizes, frees, and frees what others allocated;
/// at the end of each round nothing runs, and every layer and every counter must agree.
class RemoteFrees : public Threads {
protected:
    static constexpr unsigned kThreads = 6;
    static constexpr size_t kMarked = 300;

    void expect(bool condition) {
        if (!condition)
            broken_.fetch_add(1, std::memory_order_relaxed);
    }

    void take_new(base::Prng& prng, unsigned member) {
        const size_t size = random_size(prng);
        void* region = nullptr;
        switch (prng.below(4)) {
            case 0:
                region = allocate_zeroed(size);
                expect(tests::all_zero(region, size));
                break;
            case 1:
                region = allocate_aligned(size_t{16} << prng.below(9), size);
                break;
            default:
                region = allocate(size);
                break;
        }
        tests::fill(region, std::min(size, kMarked), member);
        hands_[member].push_back({region, size, member});
    }

    void resize(Held held, base::Prng& prng, unsigned member) {
        const size_t size = 1 + random_size(prng);
        held.region = reallocate(held.region, size);
        expect(tests::keeps(held.region, std::min({held.size, size, kMarked}), held.tag));
        tests::fill(held.region, std::min(size, kMarked), member);
        hands_[member].push_back({held.region, size, member});
    }

    void step(base::Prng& prng, unsigned member) {
        auto& mine = hands_[member];
        const uint64_t what = prng.below(10);
        if (what < 4 || mine.empty())
            return take_new(prng, member);
        std::swap(mine[prng.below(mine.size())], mine.back());
        Held held = mine.back();
        mine.pop_back();
        if (what < 6) {
            exchange_.put(held);
            if (!exchange_.take(prng, held))
                return;
        }
        expect(tests::keeps(held.region, std::min(held.size, kMarked), held.tag));
        if (what == 6)
            return resize(held, prng, member);
        deallocate(held.region);
    }

    void work(uint64_t seed, unsigned member) {
        base::Prng prng(seed + member);
        for (int i = 0; i < 3000; ++i) {
            step(prng, member);
            if (prng.below(2000) == 0)
                purge_all();
            if (prng.below(1000) == 0)
                flush_thread_cache();
            if (prng.below(1000) == 0)
                static_cast<void>(snapshot());
        }
    }

    template <class Visit>
    void for_each_held(Visit visit) {
        for (auto& mine : hands_) std::for_each(mine.begin(), mine.end(), visit);
        std::for_each(exchange_.all().begin(), exchange_.all().end(), visit);
    }

    Exchange exchange_{50};
    std::array<std::vector<Held>, kThreads> hands_;
    std::atomic<int> broken_{0};
};

TEST_F(RemoteFrees, LeaveAConsistentHeapAtEveryQuietMoment) {
    const uint64_t seed = tests::test_seed(101);
    SCOPED_TRACE(tests::seed_note(seed));
    for (uint64_t round = 0; round < 6; ++round) {
        std::vector<std::thread> team;
        for (unsigned t = 0; t < kThreads; ++t) {
            team.emplace_back([this, t, round, seed] { work(seed + round * kThreads, t); });
        }
        for (std::thread& thread : team) thread.join();
        ASSERT_EQ(broken_.load(std::memory_order_relaxed), 0);
        check_invariants();
        size_t held_bytes = 0;
        for_each_held([&](const Held& held) { held_bytes += usable_size(held.region); });
        ASSERT_EQ(allocated(), held_bytes) << "round " << round;
        ASSERT_LE(automatic_arenas(), tests::kArenaLimit);
    }
    for_each_held([](const Held& held) { deallocate(held.region); });
    purge_all();
    EXPECT_EQ(snapshot()->dirty, 0U);
}

TEST_F(Threads, StatisticsMayBeReadWhileOthersRun) {
    std::atomic<bool> stop{false};
    std::vector<std::thread> team;
    Exchange exchange(20);
    for (unsigned t = 0; t < 3; ++t) {
        team.emplace_back([&, t] {
            base::Prng prng(t);
            while (!stop.load(std::memory_order_relaxed)) {
                exchange.put({allocate(16 + prng.below(500)), 0, 0});
                Held held{};
                if (prng.below(2) == 0 && exchange.take(prng, held))
                    deallocate(held.region);
                if (exchange.take(prng, held))
                    deallocate(held.region);
            }
        });
    }
    for (int i = 0; i < 200; ++i) {
        const auto now = snapshot();
        EXPECT_LE(now->allocated, 64 * kMiB);
        HeapSnapshot one;
        EXPECT_TRUE(take_arena_snapshot(0, one));
        if (i % 20 == 0)
            check_invariants();
    }
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& thread : team) thread.join();
    for (const Held& held : exchange.all()) deallocate(held.region);
}

TEST_F(Threads, ShortThreadsReuseTheSameArenasAndMemory) {
    auto life = [] {
        std::vector<void*> regions;
        for (size_t i = 0; i < 200; ++i) regions.push_back(allocate(i * 17));
        for (void* region : regions) deallocate(region);
    };
    for (int i = 0; i < 10; ++i) std::thread(life).join();
    const unsigned arenas = arena_count();
    const size_t metadata = snapshot()->metadata;
    const size_t active = snapshot()->active;
    const unsigned threads = snapshot()->threads;
    for (int i = 0; i < 300; ++i) std::thread(life).join();
    EXPECT_EQ(arena_count(), arenas);
    // A state is two kilobytes, and a run 32: per thread this would be a multiple.
    EXPECT_LE(snapshot()->metadata, metadata + 64 * tests::kKiB);
    EXPECT_LE(snapshot()->active, active + kMiB);
    EXPECT_EQ(snapshot()->threads, threads);
}

TEST_F(Threads, RegionsOutliveTheirThread) {
    std::vector<void*> regions;
    std::thread([&] {
        for (unsigned i = 0; i < 1000; ++i) {
            regions.push_back(allocate(i));
            tests::fill(regions.back(), i, i);
        }
    }).join();
    for (unsigned i = 0; i < 1000; ++i) {
        ASSERT_TRUE(tests::keeps(regions[i], i, i));
        deallocate(regions[i]);
    }
}

/// Destructors of other libraries' thread-specific data allocate and free in every round.
TEST_F(Threads, DestructorsOfThreadDataMayAllocateInEveryRound) {
    // ThreadSanitizer takes its own state of the thread down in the last rounds.
    static constexpr int kRounds = base::kThreadSanitizer ? 2 : PTHREAD_DESTRUCTOR_ITERATIONS;
    static pthread_key_t key;
    static std::atomic<int> calls;
    calls.store(0, std::memory_order_relaxed);
    ASSERT_EQ(
        pthread_key_create(&key,
                           [](void* value) {
                               deallocate(value);
                               deallocate(allocate(100'000));
                               if (calls.fetch_add(1, std::memory_order_relaxed) + 1 < kRounds)
                                   pthread_setspecific(key, allocate(200));
                           }),
        0);
    std::thread([] { pthread_setspecific(key, allocate(100)); }).join();
    EXPECT_EQ(calls.load(std::memory_order_relaxed), kRounds);
    pthread_key_delete(key);
}

TEST_F(Threads, CountersOfAThreadStartAtZero) {
    std::thread([] {
        deallocate(allocate(1000));
        EXPECT_EQ(*thread_allocated_counter(), 0U) << "exact from this call on";
        deallocate(allocate(1000));
        EXPECT_EQ(*thread_allocated_counter(), 1024U);
        EXPECT_EQ(*thread_deallocated_counter(), 1024U);
    }).join();
    std::thread([] { EXPECT_EQ(*thread_allocated_counter(), 0U); }).join();
}

/// One side only allocates, the other only frees: what is freed must come back to the first.
TEST_F(Threads, AProducerAndAConsumerRunInBoundedMemory) {
    constexpr int kBatches = 400;
    constexpr size_t kBatch = 500;
    std::array<void*, kBatch> batch{};
    std::barrier handover(2);
    purge_all();
    const size_t before = snapshot()->active;
    size_t most = 0;
    std::thread consumer([&] {
        for (int i = 0; i < kBatches; ++i) {
            handover.arrive_and_wait();
            for (void* region : batch) deallocate(region);
            handover.arrive_and_wait();
        }
    });
    for (int i = 0; i < kBatches; ++i) {
        for (void*& region : batch) {
            region = allocate(256);
            std::memset(region, i, 256);
        }
        if (i % 50 == 49)
            most = std::max(most, snapshot()->active);
        handover.arrive_and_wait();
        handover.arrive_and_wait();
    }
    consumer.join();
    // 128 kB are live at a time; without return paths this would reach 51 MB.
    EXPECT_LE(most, before + 8 * kMiB);
}

}  // namespace
}  // namespace granary::core
