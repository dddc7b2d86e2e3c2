// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// panic_test.cpp — what the two checks say, and when they say nothing.
#include <granary/base/panic.hpp>

#include <gtest/gtest.h>

namespace granary::base {
namespace {

constexpr int checked_half(int value) {
    GRANARY_ASSERT(value % 2 == 0, "T1");
    return value / 2;
}

static_assert(checked_half(8) == 4, "assertions are usable in constant expressions");

TEST(Check, EvaluatesItsConditionOnceAndPassesWhenItHolds) {
    int evaluated = 0;
    GRANARY_CHECK(++evaluated == 1, "must not be shown");
    EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, PanicsWithItsMessageInEveryBuild) {
    EXPECT_DEATH(GRANARY_CHECK(1 + 1 == 3, "free of a foreign address"),
                 "free of a foreign address");
}

#if GRANARY_DEBUG
TEST(AssertDeathTest, NamesInvariantConditionAndPlace) {
    const int regions = 3;
    EXPECT_DEATH(GRANARY_ASSERT(regions == 4, "B2"),
                 "invariant B2 broken: regions == 4 at .*panic_test.cpp:[0-9]+");
}
#else
TEST(Assert, EvaluatesNothingWhenCompiledOut) {
    int evaluated = 0;
    GRANARY_ASSERT(++evaluated == 7, "B2");
    EXPECT_EQ(evaluated, 0);
}
#endif

}  // namespace
}  // namespace granary::base
