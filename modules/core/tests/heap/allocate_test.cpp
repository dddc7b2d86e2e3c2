// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// allocate_test.cpp — sizes, alignments, zeroes, ownership: what one thread may rely on.
#include <bit>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/heap_fixture.hpp"

namespace granary::core {
namespace {

using tests::kKiB;
using tests::kMiB;

class Allocate : public tests::HeapFixture {};

/// A spread of sizes over all paths: small, large, huge, and both sides of their borders.
const std::vector<size_t>& sizes() {
    static const std::vector<size_t> kSizes{0,
                                            1,
                                            8,
                                            9,
                                            16,
                                            100,
                                            1000,
                                            4095,
                                            4096,
                                            4097,
                                            10'000,
                                            kSmallMax,
                                            kSmallMax + 1,
                                            40'000,
                                            100'000,
                                            500'001,
                                            kMiB - 1,
                                            kMiB,
                                            kMiB + 1,
                                            2 * kMiB - 1,
                                            2 * kMiB,
                                            2 * kMiB + 1,
                                            5'000'000,
                                            33 * kMiB};
    return kSizes;
}

TEST_F(Allocate, EverySmallSizeIsUsableToTheLastByte) {
    std::vector<void*> regions;
    for (size_t size = 0; size <= kSmallMax; size += size < 5000 ? 1 : 61) {
        void* const region = allocate(size);
        ASSERT_NE(region, nullptr);
        ASSERT_EQ(usable_size(region), good_size(size));
        ASSERT_TRUE(base::is_aligned(base::address_of(region), size > 8 ? 16 : 8));
        std::memset(region, static_cast<int>(size % 251), usable_size(region));
        regions.push_back(region);
    }
    ASSERT_EQ(std::set<void*>(regions.begin(), regions.end()).size(), regions.size());
    size_t i = 0;
    for (size_t size = 0; size <= kSmallMax; size += size < 5000 ? 1 : 61) {
        const auto* bytes = static_cast<const unsigned char*>(regions[i++]);
        ASSERT_EQ(bytes[0], size % 251);
        ASSERT_EQ(std::memcmp(bytes, bytes + 1, good_size(size) - 1), 0) << size;
    }
    for (void* region : regions) deallocate(region);
}

TEST_F(Allocate, EverySizeOnEveryPathIsUsableAndCounted) {
    std::vector<void*> regions;
    size_t sum = 0;
    for (const size_t size : sizes()) {
        void* const region = allocate(size);
        ASSERT_NE(region, nullptr) << size;
        ASSERT_GE(usable_size(region), size);
        ASSERT_EQ(usable_size(region), good_size(size));
        tests::fill(region, usable_size(region), static_cast<unsigned>(size));
        regions.push_back(region);
        sum += usable_size(region);
        ASSERT_EQ(allocated(), sum);
    }
    for (size_t i = 0; i < regions.size(); ++i) {
        ASSERT_TRUE(
            tests::keeps(regions[i], usable_size(regions[i]), static_cast<unsigned>(sizes()[i])));
        deallocate(regions[i]);
    }
}

TEST_F(Allocate, ZeroBytesGiveAUniquePointer) {
    void* const a = allocate(0);
    void* const b = allocate(0);
    EXPECT_NE(a, nullptr);
    EXPECT_NE(a, b);
    deallocate(a);
    deallocate(b);
    deallocate(nullptr);
    deallocate_sized(nullptr, 5);
    deallocate_sized_aligned(nullptr, 16, 5);
    EXPECT_EQ(usable_size(nullptr), 0U);
}

TEST_F(Allocate, WhatNoMachineHasIsRefused) {
    for (const size_t size :
         {kMaxSize, kMaxSize + 1, SIZE_MAX, SIZE_MAX - kPageSize, kMaxSize - kChunkSize,
          size_t{1} << 62, size_t{1} << 56, (size_t{1} << 50) + 1}) {
        EXPECT_EQ(allocate(size), nullptr) << size;
        EXPECT_EQ(allocate_zeroed(size), nullptr) << size;
        EXPECT_EQ(allocate_aligned(64, size), nullptr) << size;
        EXPECT_EQ(allocate_aligned(kMiB, size), nullptr) << size;
    }
    for (unsigned shift = 48; shift < 64; ++shift) {
        EXPECT_EQ(allocate_aligned(size_t{1} << shift, 1), nullptr) << shift;
    }
    void* const region = allocate(100);
    EXPECT_EQ(reallocate(region, SIZE_MAX), nullptr);
    EXPECT_EQ(reallocate(region, kMaxSize), nullptr);
    deallocate(region);
}

TEST_F(Allocate, TheLastRegionFreedIsTheNextOneOfItsClass) {
    void* const region = allocate(64);
    deallocate(region);
    EXPECT_EQ(allocate(64), region);
    deallocate(region);
}

TEST_F(Allocate, EveryAlignmentUpToAGiBIsKeptForEverySize) {
    for (unsigned shift = 0; shift <= 30; ++shift) {
        const size_t alignment = size_t{1} << shift;
        for (const size_t size : sizes()) {
            if (shift > 24 && size > kMiB + 1)
                continue;
            void* const region = allocate_aligned(alignment, size);
            ASSERT_NE(region, nullptr) << alignment << " " << size;
            ASSERT_TRUE(base::is_aligned(base::address_of(region), alignment)) << size;
            ASSERT_GE(usable_size(region), size);
            ASSERT_TRUE(owns(region));
            if (size > 0) {
                static_cast<char*>(region)[0] = 1;
                static_cast<char*>(region)[size - 1] = 1;
            }
            if (size % 2 == 0) {
                deallocate_sized_aligned(region, alignment, size);
            } else {
                deallocate(region);
            }
        }
    }
}

TEST_F(Allocate, AlignedRegionsLiveAtTheSameTime) {
    std::vector<void*> regions;
    for (int round = 0; round < 20; ++round) {
        for (unsigned shift = 4; shift < 16; ++shift) {
            regions.push_back(allocate_aligned(size_t{1} << shift, 1000));
            tests::fill(regions.back(), 1000, shift);
        }
    }
    for (size_t i = 0; i < regions.size(); ++i) {
        ASSERT_TRUE(tests::keeps(regions[i], 1000, 4 + static_cast<unsigned>(i % 12)));
        deallocate_sized_aligned(regions[i], size_t{1} << (4 + i % 12), 1000);
    }
}

class Zeroed : public tests::HeapFixture {};

TEST_F(Zeroed, EveryUsableByteIsZeroAfterDirtyReuse) {
    for (const size_t size : sizes()) {
        for (int round = 0; round < 3; ++round) {
            void* const dirty = allocate(size);
            std::memset(dirty, 0xff, usable_size(dirty));
            deallocate(dirty);
            void* const clean = allocate_zeroed(size);
            ASSERT_NE(clean, nullptr);
            ASSERT_TRUE(tests::all_zero(clean, usable_size(clean))) << size << " round " << round;
            std::memset(clean, 0xff, usable_size(clean));
            deallocate(clean);
        }
    }
}

TEST_F(Zeroed, AMixOfDirtyAndFreshPagesReadsZero) {
    purge_all();
    for (int round = 0; round < 4; ++round) {
        std::vector<void*> dirty;
        for (size_t i = 0; i < 60; ++i) {
            dirty.push_back(allocate(36 * kKiB + i * kPageSize));
            std::memset(dirty.back(), 0xee, usable_size(dirty.back()));
        }
        for (size_t i = 0; i < dirty.size(); i += 2) deallocate(dirty[i]);
        if (round % 2 == 1)
            purge_all();
        std::vector<void*> clean;
        for (size_t i = 0; i < 60; ++i) {
            clean.push_back(allocate_zeroed(40 * kKiB + i * 3 * kPageSize));
            ASSERT_TRUE(tests::all_zero(clean.back(), usable_size(clean.back()))) << i;
            std::memset(clean.back(), 0xdd, usable_size(clean.back()));
        }
        for (size_t i = 1; i < dirty.size(); i += 2) deallocate(dirty[i]);
        for (void* region : clean) deallocate(region);
    }
}

TEST_F(Zeroed, AHugeBlockIsZeroInsideChunksThatRunsHaveUsed) {
    std::vector<void*> small;
    for (int i = 0; i < 20'000; ++i) {
        small.push_back(allocate(512));
        std::memset(small.back(), 0xcc, 512);
    }
    for (void* region : small) deallocate(region);
    EXPECT_TRUE(flush_thread_cache());
    for (unsigned i = 0; i < arena_count(); ++i) purge_arena(i);
    for (int i = 0; i < 3; ++i) {
        void* const block = allocate_zeroed(7 * kMiB + 12'345);
        ASSERT_TRUE(tests::all_zero(block, usable_size(block)));
        std::memset(block, 0xbb, usable_size(block));
        deallocate(block);
    }
}

class SizedFree : public tests::HeapFixture {};

TEST_F(SizedFree, AcceptsEverySizeThatTheRegionMayHaveBeenAskedFor) {
    for (size_t size = 0; size <= kSmallMax; size += size < 4200 ? 1 : 97) {
        deallocate_sized(allocate(size), size);
        deallocate_sized(allocate(size), good_size(size));
    }
    for (const size_t size : sizes()) deallocate_sized(allocate(size), size);
    EXPECT_EQ(allocated(), 0U);
}

class Owns : public tests::HeapFixture {};

TEST_F(Owns, KnowsEveryByteOfWhatIsHandedOutAndNothingElse) {
    for (const size_t size : sizes()) {
        auto* const region = static_cast<char*>(allocate(size));
        const size_t usable = usable_size(region);
        EXPECT_TRUE(owns(region)) << size;
        EXPECT_TRUE(owns(region + usable - 1)) << size;
        for (size_t offset = 0; offset < usable; offset += 4001)
            ASSERT_TRUE(owns(region + offset)) << size;
        deallocate(region);
        if (size > kSmallMax) {
            EXPECT_FALSE(owns(region)) << size;
            EXPECT_FALSE(owns(region + usable - 1)) << size;
        }
    }
    int on_stack = 0;
    static int in_data = 0;
    EXPECT_FALSE(owns(&on_stack));
    EXPECT_FALSE(owns(&in_data));
    EXPECT_FALSE(owns(nullptr));
    EXPECT_FALSE(owns(base::pointer_at(1)));
    for (unsigned shift = 12; shift < 64; ++shift)
        EXPECT_FALSE(owns(base::pointer_at((uintptr_t{1} << shift) - 1)) && shift > 47);
    EXPECT_FALSE(owns(base::pointer_at(UINTPTR_MAX)));
}

TEST_F(Owns, EndsWhereAHugeBlocksUsablePagesEnd) {
    auto* const block = static_cast<char*>(allocate(2 * kMiB + 5000));
    ASSERT_EQ(usable_size(block), 2 * kMiB + 2 * kPageSize);
    EXPECT_TRUE(owns(block + 2 * kMiB + 2 * kPageSize - 1));
    EXPECT_FALSE(owns(block + 2 * kMiB + 2 * kPageSize));
    deallocate(block);
}

}  // namespace
}  // namespace granary::core
