// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// clock_test.cpp — the clocks are the kernel's and do not go back.
#include <granary/os/clock.hpp>

#include <ctime>

#include <gtest/gtest.h>

namespace granary::os {
namespace {

uint64_t kernel_now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1000000000U + static_cast<uint64_t>(time.tv_nsec);
}

TEST(Clock, LiesBetweenTwoReadingsOfTheKernelsClock) {
    for (int i = 0; i < 1000; ++i) {
        const uint64_t before = kernel_now();
        const uint64_t now = now_ns();
        const uint64_t after = kernel_now();
        ASSERT_LE(before, now);
        ASSERT_LE(now, after);
    }
}

TEST(Clock, TheCoarseClockIsNeverAheadAndNeverGoesBack) {
    uint64_t last = 0;
    for (int i = 0; i < 10000; ++i) {
        const uint64_t coarse = coarse_now_ns();
        ASSERT_LE(last, coarse);
        ASSERT_LE(coarse, now_ns());
        last = coarse;
    }
    EXPECT_GT(last, 0U);
}

TEST(Clock, TheCoarseClockMovesOn) {
    const uint64_t start = coarse_now_ns();
    while (coarse_now_ns() == start) {
    }
    EXPECT_GT(coarse_now_ns(), start);
}

}  // namespace
}  // namespace granary::os
