// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// large_class_test.cpp — the classes that statistics sort large regions by.
#include <gtest/gtest.h>

#include "granary/core/large_class.hpp"

namespace granary::core {
namespace {

TEST(LargeClass, TheFirstOnesAreFourPerDoubling) {
    const size_t expected[] = {40, 48, 56, 64, 80, 96, 112, 128, 160};
    for (size_t i = 0; i < std::size(expected); ++i)
        EXPECT_EQ(large_class_size(i), expected[i] * 1024) << i;
    EXPECT_EQ(large_class_size(kLargeClassCount - 1), size_t{7} << 60);
}

TEST(LargeClass, EverySizeIsInTheSmallestClassThatHoldsIt) {
    for (size_t bytes = 1; bytes < 64 * 1024 * 1024; bytes += 4093) {
        const size_t index = page_class_of(bytes);
        ASSERT_GE(page_class_size(index), bytes);
        ASSERT_TRUE(index == 0 || page_class_size(index - 1) < bytes) << bytes;
    }
    EXPECT_EQ(large_class_of(4096), 0U);
    EXPECT_EQ(large_class_of(40 * 1024), 0U);
    EXPECT_EQ(large_class_of(40 * 1024 + 1), 1U);
}

}  // namespace
}  // namespace granary::core
