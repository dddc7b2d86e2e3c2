// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fork_test.cpp — children of busy processes, and fork handlers that allocate.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/build_config.hpp>
#include <granary/base/prng.hpp>

#include "granary/core/extended.hpp"
#include "granary/core/lifecycle.hpp"
#include "support/fork_support.hpp"
#include "support/heap_fixture.hpp"

namespace granary::core {
namespace {

using tests::child_succeeds;
using tests::kMiB;

class Fork : public tests::HeapFixture {
protected:
    static void SetUpTestSuite() { tests::register_fork_hooks(); }
};

TEST_F(Fork, TheChildHasTheParentsRegionsAndItsOwn) {
    std::vector<void*> regions;
    for (unsigned i = 0; i < 500; ++i) {
        regions.push_back(allocate(i * 40));
        tests::fill(regions.back(), i * 40, i);
    }
    void* const huge = allocate(3 * kMiB);
    tests::fill(huge, 3 * kMiB, 1);
    EXPECT_TRUE(child_succeeds([&] {
        for (unsigned i = 0; i < 500; ++i) {
            if (!tests::keeps(regions[i], i * 40, i))
                return false;
            deallocate(regions[i]);
        }
        if (!tests::keeps(huge, 3 * kMiB, 1))
            return false;
        deallocate(huge);
        for (size_t i = 0; i < 500; ++i) deallocate(allocate(i * 100));
        check_invariants();
        purge_all();
        check_invariants();
        return true;
    }));
    for (unsigned i = 0; i < 500; ++i) {
        ASSERT_TRUE(tests::keeps(regions[i], i * 40, i));
        deallocate(regions[i]);
    }
    deallocate(huge);
}

/// Threads in arenas of the program's, with hooks, and in explicit caches. The hooks have no lock:
/// a child would find it held by a thread that was inside.
TEST_F(Fork, AChildHasTheArenasAndCachesOfTheProgram) {
    if (base::kThreadSanitizer || base::kAddressSanitizer)
        GTEST_SKIP() << "a sanitizer's own tables and locks bear no new thread after such a fork";
    static ExtentHooks hooks;
    hooks = *extent_hooks_of(0);
    const unsigned arena = create_arena(&hooks);
    const unsigned cache = create_tcache();
    std::atomic<bool> stop{false};
    std::vector<std::thread> team;
    for (unsigned t = 0; t < 4; ++t) {
        team.emplace_back([&, t] {
            ASSERT_TRUE(t >= 2 || bind_thread(arena));
            const Request request =
                t < 2 ? Request{} : Request{.arena = arena, .cache = t == 2 ? cache : kNoCache};
            base::Prng prng(t);
            std::vector<void*> mine;
            while (!stop.load(std::memory_order_relaxed)) {
                if (mine.size() < 200 && prng.below(2) == 0) {
                    mine.push_back(allocate_with(prng.below(9000), request));
                } else if (!mine.empty()) {
                    deallocate_with(mine.back(), request.cache);
                    mine.pop_back();
                }
            }
            for (void* region : mine) deallocate(region);
        });
    }
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(child_succeeds([&] {
            bool good = true;
            // The threads that are gone have left their states: the next ones take them.
            for (int n = 0; n < 4; ++n) {
                std::thread([&] {
                    void* const own = allocate(100);
                    good = good && arena_of_pointer(own) != arena;
                    void* const theirs = allocate_with(100, {.arena = arena, .cache = cache});
                    good = good && arena_of_pointer(theirs) == arena;
                    deallocate_with(theirs, cache);
                    deallocate(own);
                }).join();
            }
            check_invariants();
            purge_all();
            good = good && reset_arena(arena);
            check_invariants();
            void* const again = allocate_with(5000, {.zero = true, .arena = arena});
            return good && tests::all_zero(again, 5000);
        })) << "fork "
            << i;
    }
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& thread : team) thread.join();
    EXPECT_TRUE(destroy_tcache(cache));
    EXPECT_TRUE(destroy_arena(arena));
}

/// Threads are everywhere in the allocator when the fork happens; the child must be able to do
/// everything, with the caches of threads that it does not have.
TEST_F(Fork, AChildOfABusyProcessWorks) {
    std::atomic<bool> stop{false};
    std::atomic<void*> passed{nullptr};
    std::vector<std::thread> team;
    for (unsigned t = 0; t < 4; ++t) {
        team.emplace_back([&, t] {
            base::Prng prng(t);
            std::vector<void*> mine;
            while (!stop.load(std::memory_order_relaxed)) {
                if (mine.size() < 300 && prng.below(2) == 0) {
                    mine.push_back(
                        allocate(prng.below(8) == 0 ? prng.below(200'000) : prng.below(3000)));
                } else if (!mine.empty()) {
                    // ORDER: acq_rel; the region's contents go with it.
                    deallocate(passed.exchange(mine.back(), std::memory_order_acq_rel));
                    mine.pop_back();
                }
                if (prng.below(3000) == 0)
                    purge_all();
            }
            for (void* region : mine) deallocate(region);
        });
    }
    for (int i = 0; i < 40; ++i) {
        ASSERT_TRUE(child_succeeds([] {
            std::vector<void*> regions;
            for (size_t n = 0; n < 300; ++n) {
                regions.push_back(allocate(n * 50));
                if (regions.back() == nullptr)
                    return false;
                tests::fill(regions.back(), n * 50, static_cast<unsigned>(n));
            }
            for (size_t n = 0; n < 300; ++n) {
                if (!tests::keeps(regions[n], n * 50, static_cast<unsigned>(n)))
                    return false;
                deallocate(regions[n]);
            }
            deallocate(allocate(3 * kMiB));
            check_invariants();
            purge_all();
            check_invariants();
            return true;
        })) << "fork "
            << i;
    }
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& thread : team) thread.join();
    deallocate(passed.load(std::memory_order_relaxed));
}

TEST_F(Fork, OnlyTheForkingThreadIsAttachedInTheChild) {
    std::atomic<bool> attached{false};
    std::atomic<bool> stop{false};
    std::thread other([&] {
        deallocate(allocate(10));
        attached.store(true, std::memory_order_release);
        while (!stop.load(std::memory_order_acquire)) std::this_thread::yield();
    });
    while (!attached.load(std::memory_order_acquire)) std::this_thread::yield();
    deallocate(allocate(10));
    EXPECT_GE(tests::snapshot()->threads, 2U);
    EXPECT_TRUE(child_succeeds([] { return tests::snapshot()->threads == 1; }));
    stop.store(true, std::memory_order_release);
    other.join();
}

TEST_F(Fork, AChildMayForkAgain) {
    EXPECT_TRUE(child_succeeds([] {
        deallocate(allocate(100));
        return child_succeeds([] {
            deallocate(allocate(100));
            check_invariants();
            return true;
        });
    }));
}

/// What runs between fork_prepare and fork_parent are other libraries' handlers.
TEST_F(Fork, TheForkingThreadMayAllocateWhileItHoldsAllLocks) {
    void* const before = allocate(100);
    fork_prepare();
    std::vector<void*> regions;
    for (size_t i = 0; i < 2000; ++i) regions.push_back(allocate(i * 30));
    void* const huge = allocate(5 * kMiB);
    deallocate(before);
    for (size_t i = 0; i < regions.size(); i += 2) deallocate(regions[i]);
    fork_parent();
    for (size_t i = 1; i < regions.size(); i += 2) deallocate(regions[i]);
    deallocate(huge);
    check_invariants();
}

TEST_F(Fork, AThreadMayMakeItsFirstAllocationWhileItForks) {
    std::thread([] {
        fork_prepare();
        void* const region = allocate(100);
        fork_parent();
        deallocate(region);
        for (size_t i = 0; i < 500; ++i) deallocate(allocate(i * 100));
        purge_all();
        check_invariants();
    }).join();
    // And another one finds every lock free.
    std::thread([] { deallocate(allocate(100)); }).join();
}

}  // namespace
}  // namespace granary::core
