// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// prng_test.cpp — reproducible, bounded, and not visibly uneven.
#include <granary/base/prng.hpp>

#include <vector>

#include <gtest/gtest.h>

namespace granary::base {
namespace {

static_assert(Prng(1).next() == Prng(1).next());

TEST(Prng, MixesTheSeedByPublishedSplitmix64) {
    uint64_t state = 1234567;
    EXPECT_EQ(splitmix64(state), 6457827717110365317U);
    EXPECT_EQ(splitmix64(state), 3203168211198807973U);
}

TEST(Prng, TheSameSeedGivesTheSameSequenceAndAnotherSeedAnother) {
    Prng a(42);
    Prng b(42);
    Prng c(43);
    int equal_to_other = 0;
    for (int i = 0; i < 1000; ++i) {
        const uint64_t value = a.next();
        EXPECT_EQ(value, b.next());
        equal_to_other += value == c.next() ? 1 : 0;
    }
    EXPECT_EQ(equal_to_other, 0);
}

TEST(Prng, AZeroSeedIsAsGoodAsAnyOther) {
    Prng prng(0);
    uint64_t seen = 0;
    for (int i = 0; i < 100; ++i) {
        seen |= prng.next();
    }
    EXPECT_EQ(seen, ~uint64_t{0});
}

TEST(Prng, BelowStaysBelowAndReachesEveryValueEvenly) {
    constexpr uint64_t kBound = 10;
    constexpr int kDraws = 100000;
    Prng prng(5);
    std::vector<int> drawn(kBound, 0);
    for (int i = 0; i < kDraws; ++i) {
        const uint64_t value = prng.below(kBound);
        ASSERT_LT(value, kBound);
        ++drawn[value];
    }
    for (const int count : drawn) {
        EXPECT_NEAR(count, kDraws / static_cast<int>(kBound), 500);  // five standard deviations
    }
    EXPECT_EQ(prng.below(1), 0U);
    EXPECT_EQ(prng.below(0), 0U);
}

}  // namespace
}  // namespace granary::base
