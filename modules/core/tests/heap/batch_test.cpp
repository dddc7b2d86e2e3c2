// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// batch_test.cpp — batches, and hints for those who move regions.
#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

#include "granary/core/extended.hpp"
#include "support/heap_fixture.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::all_zero;
using tests::fill;
using tests::keeps;
using tests::kKiB;
using tests::kMiB;

class Batch : public tests::HeapFixture {};

TEST_F(Batch, IsAsManyDistinctRegionsAsWereAskedFor) {
    const unsigned arena = create_arena();
    const unsigned cache = create_tcache();
    for (const Request& request :
         {Request{}, Request{.zero = true}, Request{.alignment = 256}, Request{.cache = kNoCache},
          Request{.zero = true, .arena = arena}, Request{.arena = arena, .cache = cache}}) {
        for (const size_t size : {size_t{0}, size_t{8}, size_t{48}, size_t{1000}, 20 * kKiB}) {
            for (const size_t count : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65},
                                       size_t{700}}) {
                std::vector<void*> out(count + 1, &out);
                ASSERT_EQ(allocate_batch(size, request, out.data(), count), count);
                ASSERT_EQ(out[count], &out) << "no more than asked for";
                out.pop_back();
                ASSERT_EQ(std::set<void*>(out.begin(), out.end()).size(), count);
                for (size_t i = 0; i < count; ++i) {
                    ASSERT_EQ(usable_size(out[i]), size_with(size, request));
                    if (request.zero) {
                        ASSERT_TRUE(all_zero(out[i], usable_size(out[i])));
                    }
                    if (request.arena != kNoIndex) {
                        ASSERT_EQ(arena_of_pointer(out[i]), arena);
                    }
                    fill(out[i], usable_size(out[i]), static_cast<unsigned>(i));
                }
                for (size_t i = 0; i < count; ++i)
                    ASSERT_TRUE(keeps(out[i], usable_size(out[i]), static_cast<unsigned>(i)));
                deallocate_batch(out.data(), count);
            }
        }
    }
    check_invariants();
    ASSERT_TRUE(destroy_tcache(cache));
    ASSERT_TRUE(destroy_arena(arena));
}

TEST_F(Batch, MixesWithSingleCalls) {
    base::Prng prng(tests::test_seed(41));
    std::vector<void*> live;
    for (int i = 0; i < 600; ++i) {
        const size_t size = prng.below(i % 30 == 0 ? 3 * kMiB : 6 * kKiB);
        const size_t count = size > 100 * kKiB ? 3 : prng.below(200);
        const size_t before = live.size();
        live.resize(before + count);
        ASSERT_EQ(allocate_batch(size, {}, live.data() + before, count), count);
        live.push_back(allocate(prng.below(3000)));
        for (size_t j = live.size(); j-- > 1;) std::swap(live[j], live[prng.below(j + 1)]);
        const size_t kept = prng.below(live.size());
        live.insert(live.begin() + static_cast<ptrdiff_t>(kept), nullptr);
        deallocate_batch(live.data() + kept, live.size() - kept);
        live.resize(kept);
        while (live.size() > 500) {
            deallocate(live.back());
            live.pop_back();
        }
    }
    deallocate_batch(live.data(), live.size());
    check_invariants();
}

TEST_F(Batch, MayBeFreedByAnotherThread) {
    std::vector<void*> out(1000);
    ASSERT_EQ(allocate_batch(64, {}, out.data(), out.size()), out.size());
    std::thread([&] { deallocate_batch(out.data(), out.size()); }).join();
    check_invariants();
}

TEST_F(Batch, IsCounted) {
    std::thread([] {
        const uint64_t* const made = thread_allocated_counter();
        const uint64_t* const freed = thread_deallocated_counter();
        const uint64_t made_before = *made;
        const uint64_t freed_before = *freed;
        std::vector<void*> out(150);
        ASSERT_EQ(allocate_batch(100, {}, out.data(), out.size()), out.size());
        EXPECT_EQ(*made - made_before, 150U * 112);
        deallocate_batch(out.data(), out.size());
        EXPECT_EQ(*freed - freed_before, 150U * 112);
    }).join();
}

TEST_F(Batch, OfImpossibleSizesIsEmpty) {
    void* out[3] = {};
    EXPECT_EQ(allocate_batch(kMaxSize + 1, {}, out, 3), 0U);
    EXPECT_EQ(allocate_batch(8, {.arena = 4094}, out, 3), 0U);
    deallocate_batch(nullptr, 0);
}

using BatchDeathTest = Batch;

TEST_F(BatchDeathTest, NoticesMisuse) {
    void* pointers[4] = {allocate(64), allocate(64), allocate(64), nullptr};
    pointers[3] = pointers[2];
    EXPECT_DEATH(deallocate_batch(pointers, 4), "double free of 0x[0-9a-f]+ \\(size class 64\\)");
    pointers[3] = static_cast<char*>(pointers[1]) + 8;
    EXPECT_DEATH(deallocate_batch(pointers, 4), "not the start of an allocation");
    pointers[3] = &pointers;
    EXPECT_DEATH(deallocate_batch(pointers, 4), "does not own");
    deallocate_batch(pointers, 3);
}

class DefragHint : public tests::HeapFixture {
protected:
    /// As a program that moves what it should, as long as it helps.
    static size_t move_all(std::vector<void*>& live, size_t size) {
        size_t moved = 0;
        for (void*& region : live) {
            if (!is_worth_moving(region))
                continue;
            void* const copy = allocate_with(size, {.cache = kNoCache});
            std::memcpy(copy, region, size);
            deallocate_with(region, kNoCache);
            region = copy;
            ++moved;
        }
        return moved;
    }
};

TEST_F(DefragHint, EmptiesRunsThatAreHardlyUsed) {
    constexpr size_t kSize = 320;
    constexpr size_t kCount = 20'000;
    std::vector<void*> all(kCount);
    ASSERT_EQ(allocate_batch(kSize, {}, all.data(), kCount), kCount);
    base::Prng prng(tests::test_seed(42));
    std::vector<void*> live;
    for (void* region : all) {
        if (prng.below(4) == 0) {
            fill(region, kSize, static_cast<unsigned>(live.size()));
            live.push_back(region);
        } else {
            deallocate(region);
        }
    }
    flush_thread_cache();
    purge_arena(thread_arena());
    const unsigned c = small_class(kSize);
    const size_t before = tests::snapshot()->bins[c].runs;
    for (int pass = 0; pass < 10; ++pass) move_all(live, kSize);
    purge_arena(thread_arena());
    const size_t after = tests::snapshot()->bins[c].runs;
    const size_t needed = live.size() / kSizeClasses[c].run_regions;
    EXPECT_GT(before, 2 * needed);
    EXPECT_LT(after, needed * 5 / 4 + 2) << "of " << before << ", " << needed << " needed";
    for (size_t i = 0; i < live.size(); ++i) {
        ASSERT_TRUE(keeps(live[i], kSize, static_cast<unsigned>(i)));
        deallocate(live[i]);
    }
}

TEST_F(DefragHint, SaysNoWhereMovingDoesNotHelp) {
    int local = 0;
    EXPECT_FALSE(is_worth_moving(&local));
    EXPECT_FALSE(is_worth_moving(nullptr));
    void* const large = allocate(100 * kKiB);
    void* const huge = allocate(3 * kMiB);
    EXPECT_FALSE(is_worth_moving(large));
    EXPECT_FALSE(is_worth_moving(huge));
    deallocate(large);
    deallocate(huge);
    EXPECT_FALSE(is_worth_moving(large));
    std::vector<void*> full(512);
    ASSERT_EQ(allocate_batch(2560, {}, full.data(), full.size()), full.size());
    EXPECT_FALSE(is_worth_moving(full[0])) << "its run is full";
    EXPECT_FALSE(is_worth_moving(full.back())) << "the next region comes from its run";
    EXPECT_FALSE(is_worth_moving(static_cast<char*>(full[0]) + 8));
    deallocate_batch(full.data(), full.size());
}

TEST_F(DefragHint, ComesToRest) {
    std::vector<void*> live(5000);
    ASSERT_EQ(allocate_batch(96, {}, live.data(), live.size()), live.size());
    base::Prng prng(tests::test_seed(43));
    for (size_t i = live.size(); i-- > 0;) {
        if (prng.below(3) == 0) {
            deallocate_with(live[i], kNoCache);
            live[i] = live.back();
            live.pop_back();
        }
    }
    size_t moved = live.size();
    for (int pass = 0; pass < 30 && moved > live.size() / 20; ++pass) moved = move_all(live, 96);
    EXPECT_LE(moved, live.size() / 20);
    deallocate_batch(live.data(), live.size());
}

TEST_F(DefragHint, UtilizationDescribesTheRun) {
    const int local = 0;
    const Utilization none = utilization_of(&local);
    EXPECT_EQ(none.regions + none.free_regions + none.bytes, 0U);
    void* const region = allocate_with(3000, {.cache = kNoCache});
    const unsigned c = small_class(3000);
    const Utilization run = utilization_of(region);
    EXPECT_EQ(run.regions, kSizeClasses[c].run_regions);
    EXPECT_EQ(run.bytes, kSizeClasses[c].run_pages * kPageSize);
    EXPECT_LT(run.free_regions, run.regions);
    EXPECT_EQ(run.bin_regions % run.regions, 0U);
    EXPECT_GE(run.bin_free_regions, run.free_regions);
    EXPECT_LT(run.bin_free_regions, run.bin_regions);
    deallocate_with(region, kNoCache);
    void* const large = allocate(100 * kKiB);
    EXPECT_EQ(utilization_of(large).bytes, 100 * kKiB);
    EXPECT_EQ(utilization_of(large).regions, 1U);
    EXPECT_EQ(utilization_of(large).free_regions, 0U);
    deallocate(large);
}

}  // namespace
}  // namespace granary::core
