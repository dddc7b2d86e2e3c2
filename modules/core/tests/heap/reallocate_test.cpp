// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// reallocate_test.cpp — every transition between small, large and huge, with contents.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/heap_fixture.hpp"

namespace granary::core {
namespace {

using tests::kMiB;

class Reallocate : public tests::HeapFixture {};

TEST_F(Reallocate, EveryTransitionKeepsTheContents) {
    const std::vector<size_t> sizes{
        1,        16,          100,       112,           4096,
        4097,     20'000,      kSmallMax, kSmallMax + 1, 40'000,
        200'000,  kMiB,        kMiB + 1,  2 * kMiB,      2 * kMiB + 5000,
        4 * kMiB, 9 * kMiB + 1};
    for (const size_t from : sizes) {
        for (const size_t to : sizes) {
            SCOPED_TRACE(std::to_string(from) + " to " + std::to_string(to));
            void* const old = allocate(from);
            tests::fill(old, from, 7);
            void* const now = reallocate(old, to);
            ASSERT_NE(now, nullptr);
            ASSERT_GE(usable_size(now), to);
            ASSERT_TRUE(tests::keeps(now, std::min(from, to), 7));
            ASSERT_EQ(allocated(), usable_size(now)) << "the old one was freed, or is the new one";
            tests::fill(now, usable_size(now), 8);
            deallocate(now);
        }
    }
}

TEST_F(Reallocate, WithinAClassNothingMoves) {
    void* const region = allocate(100);
    EXPECT_EQ(reallocate(region, 112), region);
    EXPECT_EQ(reallocate(region, 97), region);
    deallocate(region);
    void* const large = allocate(100'000);
    EXPECT_EQ(reallocate(large, 102'400), large);
    deallocate(large);
}

TEST_F(Reallocate, ShrinkingAPageOwningRegionHappensInPlaceAndGivesPagesBack) {
    for (const size_t size : {900 * size_t{1024}, 20 * kMiB}) {
        void* region = allocate(size);
        tests::fill(region, size, 3);
        const size_t smaller = size - size / 3;
        EXPECT_EQ(reallocate(region, smaller), region);
        EXPECT_EQ(usable_size(region), good_size(smaller));
        EXPECT_EQ(allocated(), good_size(smaller));
        EXPECT_TRUE(tests::keeps(region, smaller, 3));
        deallocate(region);
    }
}

TEST_F(Reallocate, AFailureLeavesTheOldRegionAsItWas) {
    for (const size_t size : {size_t{100}, size_t{100'000}, 3 * kMiB}) {
        void* const region = allocate(size);
        tests::fill(region, size, 5);
        EXPECT_EQ(reallocate(region, size_t{1} << 55), nullptr);
        EXPECT_EQ(reallocate(region, SIZE_MAX), nullptr);
        EXPECT_TRUE(tests::keeps(region, size, 5));
        EXPECT_EQ(usable_size(region), good_size(size));
        deallocate(region);
    }
}

TEST_F(Reallocate, ARegionGrowsStepByStepThroughAllPaths) {
    void* region = allocate(1);
    tests::fill(region, 1, 9);
    size_t size = 1;
    while (size < 40 * kMiB) {
        const size_t next = size + size / 3 + 1;
        region = reallocate(region, next);
        ASSERT_NE(region, nullptr);
        ASSERT_TRUE(tests::keeps(region, std::min<size_t>(size, 4096), 9));
        ASSERT_TRUE(size < 4096 || tests::keeps(region, size, 9));
        size = next;
        tests::fill(region, size, 9);
    }
    deallocate(region);
}

TEST_F(Reallocate, AHugeBlockThatCannotGrowInPlaceMovesWithItsContents) {
    for (int round = 0; round < 3; ++round) {
        std::vector<void*> blocks;
        for (int i = 0; i < 6; ++i) {
            blocks.push_back(allocate(4 * kMiB));
            tests::fill(blocks.back(), 4 * kMiB, static_cast<unsigned>(i));
        }
        for (size_t i = 0; i < blocks.size(); ++i) {
            void* const old = blocks[i];
            blocks[i] = reallocate(old, 11 * kMiB);
            ASSERT_TRUE(tests::keeps(blocks[i], 4 * kMiB, static_cast<unsigned>(i)));
            tests::fill(blocks[i], 11 * kMiB, static_cast<unsigned>(i));
            if (blocks[i] != old) {
                EXPECT_FALSE(owns(old)) << "unless somebody has it again";
            }
        }
        for (size_t i = 0; i < blocks.size(); ++i) {
            ASSERT_TRUE(tests::keeps(blocks[i], 11 * kMiB, static_cast<unsigned>(i)));
            deallocate(blocks[i]);
        }
        // Addresses that were moved away from read zero where the heap says so.
        void* const clean = allocate_zeroed(23 * kMiB);
        ASSERT_TRUE(tests::all_zero(clean, 23 * kMiB));
        deallocate(clean);
    }
}

TEST_F(Reallocate, AnAlignedRegionMayBeResized) {
    void* const region = allocate_aligned(64 * 1024, 100);
    tests::fill(region, 100, 4);
    void* const more = reallocate(region, 5000);
    EXPECT_TRUE(tests::keeps(more, 100, 4));
    deallocate(more);
}

}  // namespace
}  // namespace granary::core
