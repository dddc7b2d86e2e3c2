// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// run_test.cpp — carving, the bitmap, and what a run says about its pages.
#include "arena/run.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/bin_floor.hpp"

namespace granary::core {
namespace {

/// Runs are arithmetic until a region is touched: an address that nobody has will do.
constexpr uintptr_t kNowhere = uintptr_t{1} << 40;

Extent opened(unsigned size_class) {
    Extent run{};
    run.base = kNowhere;
    run.bytes = kSizeClasses[size_class].run_pages * kPageSize;
    run::open(run, size_class);
    return run;
}

void give(Extent& run, void* region) {
    run::give(run, &region, 1, kSizeClasses[run.size_class].reciprocal);
}

TEST(Run, OfEveryClassHandsOutEachRegionOnceTheLowestOnTop) {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        Extent run = opened(c);
        const size_t regions = kSizeClasses[c].run_regions;
        std::vector<void*> out(regions + 1);
        ASSERT_EQ(run::carve(run, out.data(), regions + 1), regions);
        for (size_t i = 0; i < regions; ++i) {
            ASSERT_EQ(base::address_of(out[regions - 1 - i]), kNowhere + i * kSizeClasses[c].size);
        }
        ASSERT_EQ(run::carve(run, out.data(), 1), 0U);
        ASSERT_EQ(run::take_free(run, out.data(), 1), 0U);
        run::check_invariants(run);
        // Back in a scattered order (any stride that is prime to the count), and out again sorted.
        std::vector<void*> in(out.begin(), out.begin() + static_cast<ptrdiff_t>(regions));
        std::vector<void*> scattered(in);
        std::rotate(scattered.begin(), scattered.begin() + static_cast<ptrdiff_t>(regions / 3),
                    scattered.end());
        std::reverse(scattered.begin(), scattered.end());
        for (void* region : scattered) give(run, region);
        ASSERT_TRUE(run::is_empty(run));
        ASSERT_EQ(run.free_regions, regions);
        run::check_invariants(run);
        ASSERT_EQ(run::take_free(run, out.data(), regions + 1), regions);
        ASSERT_TRUE(std::equal(in.begin(), in.end(), out.begin()));
    }
}

TEST(Run, TakesOnlyAsManyAsAskedFor) {
    Extent run = opened(4);
    std::vector<void*> out(64);
    ASSERT_EQ(run::carve(run, out.data(), 10), 10U);
    give(run, out[7]);
    give(run, out[2]);
    give(run, out[5]);
    void* one = nullptr;
    ASSERT_EQ(run::take_free(run, &one, 1), 1U);
    EXPECT_EQ(one, out[7]) << "the lowest address";
    EXPECT_EQ(run.free_regions, 2U);
    EXPECT_EQ(run::taken(run), 8U);
    run::check_invariants(run);
}

TEST(Run, X2_KnowsWhichPagesWereEverHandedOut) {
    const unsigned c = small_class(1024);
    Extent run = opened(c);
    std::vector<void*> out(16);
    EXPECT_EQ(run::touched_pages(run), 0U);
    run::carve(run, out.data(), 4);
    EXPECT_EQ(run::touched_pages(run), 1U);
    run::carve(run, out.data(), 1);
    EXPECT_EQ(run::touched_pages(run), 2U);
    for (unsigned each = 0; each < kSmallClassCount; ++each) {
        Extent whole = opened(each);
        std::vector<void*> regions(kMaxRunRegions);
        run::carve(whole, regions.data(), kMaxRunRegions);
        ASSERT_LE(run::touched_pages(whole), kSizeClasses[each].run_pages);
    }
}

TEST(Run, NamesFreeRegions) {
    Extent run = opened(3);
    std::vector<void*> out(4);
    run::carve(run, out.data(), 4);
    EXPECT_FALSE(run::is_free(run, out[0]));
    give(run, out[0]);
    EXPECT_TRUE(run::is_free(run, out[0]));
    EXPECT_TRUE(run::is_free(run, base::pointer_at(run.base + 4 * kSizeClasses[3].size)))
        << "never handed out";
}

TEST(RunDeathTest, AFreeRegionGivenAgainIsADoubleFree) {
    Extent run = opened(3);
    void* region = nullptr;
    run::carve(run, &region, 1);
    give(run, region);
    EXPECT_DEATH(give(run, region), tests::double_free_line(region, kSizeClasses[3].size));
}

TEST(RunDeathTest, ARegionThatWasNeverHandedOutIsNamed) {
    Extent run = opened(3);
    void* region = nullptr;
    run::carve(run, &region, 1);
    void* const next = base::pointer_at(run.base + kSizeClasses[3].size);
    EXPECT_DEATH(give(run, next),
                 tests::misuse_line("free", next,
                                    ", which was never allocated \\(size class " +
                                        std::to_string(kSizeClasses[3].size) + "\\)"));
}

TEST(RunDeathTest, X1_ABitAboveTheCarvedRegionsIsFound) {
    Extent run = opened(3);
    void* region = nullptr;
    run::carve(run, &region, 1);
    run.free_bits[1] = 1;
    run.free_regions = 1;
    EXPECT_DEATH(run::check_invariants(run), "^<granary>: run: free bit above carved \\[X1\\]\n$");
}

}  // namespace
}  // namespace granary::core
