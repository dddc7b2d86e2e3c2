// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// size_class_test.cpp — every size, every offset of every run, every row of the table.
#include "granary/core/size_class.hpp"

#include "granary/core/detail/page_entry.hpp"

#include <bit>
#include <vector>

#include <gtest/gtest.h>

#include "granary/core/heap.hpp"
#include "page/page_class.hpp"

namespace granary::core {
namespace {

TEST(SizeClass, EverySmallSizeGetsTheLeastClassThatHoldsIt) {
    unsigned least = 0;
    for (size_t size = 0; size <= kSmallMax; ++size) {
        while (kSizeClasses[least].size < size) ++least;
        ASSERT_EQ(small_class(size), least) << size;
        if (size <= kLowMax) {
            ASSERT_EQ(low_class(size), least) << size;
        }
    }
    EXPECT_EQ(least, kSmallClassCount - 1);
}

TEST(SizeClass, SizesFollowTheGeometry) {
    EXPECT_EQ(kSizeClasses[0].size, kGeometry.tiny);
    const size_t linear_max = kGeometry.quantum * kGeometry.steps;
    for (size_t i = 1; i < kSmallClassCount; ++i) {
        const size_t size = kSizeClasses[i].size;
        const size_t previous = kSizeClasses[i - 1].size;
        ASSERT_GT(size, previous);
        if (size <= linear_max) {
            ASSERT_EQ(size % kGeometry.quantum, 0U) << size;
            continue;
        }
        // Spacing is a fixed share of the power of two below: at most 1/steps is lost to rounding.
        ASSERT_EQ(size - previous, std::bit_floor(previous) / kGeometry.steps) << size;
        ASSERT_LE((size - previous - 1) * kGeometry.steps, size) << size;
    }
}

TEST(SizeClass, EverySizeThatAPowerOfTwoDividesIsAlignedToIt) {
    for (const SizeClass& cls : kSizeClasses) {
        const size_t natural = cls.size & (~cls.size + 1);
        if (cls.size >= 16) {
            ASSERT_GE(natural, 16U) << cls.size;
        }
    }
}

TEST(SizeClass, ReciprocalIsExactForEveryOffsetOfEveryRun) {
    for (const SizeClass& cls : kSizeClasses) {
        const auto bytes = static_cast<uint32_t>(cls.run_pages * kPageSize);
        for (uint32_t offset = 0; offset < bytes; ++offset) {
            if (region_index(offset, cls.reciprocal) != offset / cls.size) {
                FAIL() << "index of " << offset << " in class " << cls.size;
            }
            for (const uintptr_t base : {uintptr_t{0}, uintptr_t{0x7f12'3456'7000}}) {
                const uint32_t bias = detail::run_bias(base, cls.reciprocal);
                if (detail::is_region_start(base + offset, bias, cls.reciprocal) !=
                    (offset % cls.size == 0)) {
                    FAIL() << "start at " << offset << " in class " << cls.size;
                }
            }
        }
    }
}

TEST(SizeClass, RunsKeepTheLimitsOfTheirDescriptors) {
    for (const SizeClass& cls : kSizeClasses) {
        ASSERT_GE(cls.run_pages, 1U) << cls.size;
        ASSERT_LE(cls.run_pages, kMaxRunPages) << cls.size;
        ASSERT_GE(cls.run_regions, 2U) << cls.size;
        ASSERT_LE(cls.run_regions, kMaxRunRegions) << cls.size;
        ASSERT_LE(size_t{cls.run_regions} * cls.size, cls.run_pages * kPageSize) << cls.size;
    }
}

TEST(SizeClass, ARunWastesAtMostASixteenthAtItsTail) {
    for (const SizeClass& cls : kSizeClasses) {
        const size_t bytes = cls.run_pages * kPageSize;
        const size_t waste = bytes - size_t{cls.run_regions} * cls.size;
        ASSERT_LE(waste * kMaxTailWasteDivisor, bytes) << cls.size;
    }
}

TEST(SizeClass, MagazinesHoldAtLeastFourRegionsAndAtMost64KiBOrSixtyFour) {
    for (const SizeClass& cls : kSizeClasses) {
        ASSERT_GE(cls.magazine_capacity, 4U) << cls.size;
        ASSERT_LE(cls.magazine_capacity, kMagazineSlots) << cls.size;
        if (cls.magazine_capacity > 4) {
            ASSERT_LE(size_t{cls.magazine_capacity} * cls.size, kMagazineBytes) << cls.size;
        }
    }
}

TEST(SizeClass, GoodSizeIsWhatAllocationRoundsTo) {
    for (size_t size = 0; size <= kSmallMax; ++size) {
        ASSERT_EQ(good_size(size), kSizeClasses[small_class(size)].size);
    }
    EXPECT_EQ(good_size(kSmallMax + 1), kSmallMax + kPageSize);
    EXPECT_EQ(good_size(kChunkSize), kChunkSize);
    EXPECT_EQ(good_size(kChunkSize + 1), kChunkSize + kPageSize);
    EXPECT_EQ(good_size(kMaxSize), 0U);
    EXPECT_EQ(good_size(SIZE_MAX), 0U);
}

TEST(PageClass, FloorAndCeilingBracketEveryLength) {
    // Lengths by class, from the definition: four per doubling above 4.
    std::vector<size_t> lengths{1, 2, 3, 4};
    for (size_t base = 4; base < 4096; base *= 2) {
        for (size_t step = 1; step <= 4; ++step) lengths.push_back(base + base / 4 * step);
    }
    for (size_t length = 1; length < 4096; ++length) {
        const size_t floor = page_class_floor(length);
        const size_t ceil = page_class_ceil(length);
        ASSERT_LE(lengths[floor], length);
        ASSERT_GT(lengths[floor + 1], length);
        ASSERT_GE(lengths[ceil], length);
        ASSERT_TRUE(ceil == 0 || lengths[ceil - 1] < length) << length;
    }
}

}  // namespace
}  // namespace granary::core
