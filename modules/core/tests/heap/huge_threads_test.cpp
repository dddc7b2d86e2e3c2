// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge_threads_test.cpp — huge blocks that threads keep, when the threads race, end and fork. Meant for
// ThreadSanitizer too.
#include <array>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/build_config.hpp>
#include <granary/base/prng.hpp>

#include "granary/core/extended.hpp"
#include "support/fork_support.hpp"
#include "support/huge_fixture.hpp"

namespace granary::core {
namespace {

using tests::child_succeeds;
using tests::kept_chunks;
using tests::kMiB;
using tests::snapshot;

class HugeThreads : public tests::HugeFixture {};

TEST_F(HugeThreads, BlocksOfAnEndedThreadServeOthers) {
    void* block = nullptr;
    std::thread([&] {
        block = allocate(20 * kMiB);
        deallocate(block);
    }).join();
    EXPECT_EQ(kept_chunks(), 10U);
    EXPECT_EQ(allocate(20 * kMiB), block) << "no fresh memory";
    EXPECT_EQ(kept_chunks(), 0U);
    // Another arena's block goes back at once.
    bool own = false;
    std::thread([&] {
        own = thread_arena() == arena_of_pointer(block);
        deallocate(block);
    }).join();
    EXPECT_EQ(kept_chunks(), own ? 10U : 0U);
}

/// Everything at once: kept blocks are taken by their threads, by others in need of memory, by purges
/// and by statistics; some are freed elsewhere.
TEST_F(HugeThreads, RaceForWhatTheyKeep) {
    constexpr size_t kTeam = 6;  // more than there are arenas: some share one
    constexpr int kRounds = base::kThreadSanitizer ? 300 : 1500;
    std::atomic<void*> passed{nullptr};
    std::atomic<bool> stop{false};
    std::thread disturber([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            purge_all();
            static_cast<void>(snapshot());
            check_invariants();
            maintain();
            std::this_thread::yield();
        }
    });
    std::vector<std::thread> team;
    for (size_t t = 0; t < kTeam; ++t) {
        team.emplace_back([&, t] {
            base::Prng prng(t);
            std::array<std::pair<unsigned char*, size_t>, 3> live{};
            for (int i = 0; i < kRounds; ++i) {
                auto& [block, size] = live[prng.below(live.size())];
                if (block != nullptr) {
                    ASSERT_EQ(block[0], static_cast<unsigned char>(t + 1));
                    ASSERT_EQ(block[size - 1], static_cast<unsigned char>(size >> 12));
                    void* const other =
                        prng.below(8) != 0 ? block
                        // ORDER: acq_rel; the block's contents go with it.
                        : passed.exchange(block, std::memory_order_acq_rel);
                    deallocate(other);
                }
                size = kMiB + 1 + prng.below(5) * (kMiB / 2);
                block = static_cast<unsigned char*>(prng.below(3) != 0 ? allocate(size)
                                                                       : allocate_zeroed(size));
                ASSERT_NE(block, nullptr);
                block[0] = static_cast<unsigned char>(t + 1);
                block[size - 1] = static_cast<unsigned char>(size >> 12);
            }
            for (auto& [block, size] : live) deallocate(block);
        });
    }
    for (std::thread& one : team) one.join();
    stop.store(true, std::memory_order_relaxed);
    disturber.join();
    deallocate(passed.load(std::memory_order_relaxed));
}

class HugeFork : public tests::HugeFixture {
protected:
    static void SetUpTestSuite() { tests::register_fork_hooks(); }
};

TEST_F(HugeFork, AChildHasWhatItsParentKept) {
    auto* const block = static_cast<char*>(allocate(6 * kMiB));
    deallocate(block);
    EXPECT_TRUE(child_succeeds([&] {
        const bool same = allocate(6 * kMiB) == block;
        deallocate(block);
        check_invariants();
        return same && kept_chunks() == 3 && purge_all() >= 6 * kMiB && kept_chunks() == 0;
    }));
    EXPECT_EQ(kept_chunks(), 3U) << "the parent's is its own";
    EXPECT_EQ(allocate(6 * kMiB), block);
    deallocate(block);
}

/// What the threads that a child does not have kept is there for the one that it has.
TEST_F(HugeFork, AChildOfABusyProcessHasItsThreadsBlocks) {
    if (base::kAddressSanitizer || base::kThreadSanitizer)
        GTEST_SKIP() << "a sanitizer's own tables and locks bear no storm of forks";
    std::atomic<bool> stop{false};
    std::vector<std::thread> team;
    for (unsigned t = 0; t < 3; ++t) {
        team.emplace_back([&, t] {
            base::Prng prng(t);
            while (!stop.load(std::memory_order_relaxed)) {
                void* const block = allocate(3 * kMiB + prng.below(3) * 2 * kMiB);
                static_cast<char*>(block)[0] = 1;
                deallocate(block);
            }
        });
    }
    for (int i = 0; i < 40; ++i) {
        ASSERT_TRUE(child_succeeds([] {
            check_invariants();
            for (size_t n = 1; n < 9; ++n) {
                void* const block = allocate(n * kMiB + 1);
                static_cast<char*>(block)[n * kMiB] = 1;
                deallocate(block);
                check_invariants();
            }
            purge_all();
            check_invariants();
            return kept_chunks() == 0 && g_heap.source.free_bytes(PageState::dirty) == 0;
        })) << "fork "
            << i;
    }
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& thread : team) thread.join();
}

}  // namespace
}  // namespace granary::core
