// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// contract_test.cpp — what C, POSIX and the manual pages promise, call by call.
//
// Role        Built for the prefixed names, and for the C library's, which run under LD_PRELOAD.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

#include "contract.hpp"

namespace granary::tests {
namespace {

TEST(Malloc, GivesUsableAlignedMemoryForEverySize) {
    for (const size_t size : interesting_sizes()) {
        errno = kUntouched;
        void* const region = abi.malloc(size);
        ASSERT_NE(region, nullptr) << size;
        EXPECT_EQ(errno, kUntouched) << size;
        EXPECT_TRUE(is_aligned(region, size >= 16 ? 16 : 8)) << size;
        EXPECT_GE(abi.malloc_usable_size(region), size);
        std::memset(region, 0x5a, abi.malloc_usable_size(region));
        abi.free(region);
        EXPECT_EQ(errno, kUntouched) << size;
    }
}

TEST(Malloc, GivesDistinctPointersForZeroBytes) {
    std::set<void*> seen;
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(abi.malloc(0)).second);
    EXPECT_EQ(seen.count(nullptr), 0U);
    for (void* region : seen) abi.free(region);
}

TEST(Malloc, FailsWithEnomemForSizesAbovePtrdiffMax) {
    for (const size_t size : kImpossibleSizes) {
        errno = 0;
        EXPECT_EQ(abi.malloc(size), nullptr) << size;
        EXPECT_EQ(errno, ENOMEM) << size;
    }
}

TEST(Malloc, HandsOutDisjointRegions) {
    std::vector<std::pair<uintptr_t, size_t>> regions;
    for (int i = 0; i < 20000; ++i) {
        const size_t size = static_cast<size_t>(i % 977 + i % 13 * 300);
        void* const region = abi.malloc(size);
        ASSERT_NE(region, nullptr);
        regions.emplace_back(reinterpret_cast<uintptr_t>(region), abi.malloc_usable_size(region));
    }
    std::sort(regions.begin(), regions.end());
    for (size_t i = 1; i < regions.size(); ++i) {
        ASSERT_LE(regions[i - 1].first + regions[i - 1].second, regions[i].first);
    }
    for (const auto& [address, usable] : regions) abi.free(reinterpret_cast<void*>(address));
}

TEST(Free, IgnoresNullAndKeepsErrno) {
    errno = kUntouched;
    abi.free(nullptr);
    abi.free_sized(nullptr, 10);
    abi.free_aligned_sized(nullptr, 64, 10);
    EXPECT_EQ(errno, kUntouched);
}

TEST(FreeSized, TakesTheRequestedSizeAndTheUsableSize) {
    for (const size_t size : interesting_sizes()) {
        abi.free_sized(abi.malloc(size), size);
        void* const zeroed = abi.calloc(1, size);
        abi.free_sized(zeroed,
                       std::max(size, is_granary(abi) ? abi.malloc_usable_size(zeroed) : 0));
        abi.free_sized(abi.realloc(abi.malloc(10), size + 1), size + 1);
    }
}

TEST(FreeAlignedSized, TakesWhatAlignedAllocWasGiven) {
    for (size_t alignment = 1; alignment <= size_t{1} << 22; alignment *= 2) {
        for (const size_t size :
             {size_t{1}, alignment, alignment * 2 + 1, size_t{100}, size_t{70000}}) {
            void* const region = abi.aligned_alloc(alignment, size);
            ASSERT_NE(region, nullptr);
            abi.free_aligned_sized(region, alignment, size);
        }
    }
}

TEST(Calloc, ZeroesEveryUsableByteAlsoOfReusedMemory) {
    for (const size_t size : interesting_sizes()) {
        void* const dirty = abi.malloc(size);
        ASSERT_NE(dirty, nullptr);
        std::memset(dirty, 0xff, abi.malloc_usable_size(dirty));
        abi.free(dirty);
        errno = kUntouched;
        auto* const region = static_cast<unsigned char*>(abi.calloc(size, 1));
        ASSERT_NE(region, nullptr) << size;
        EXPECT_EQ(errno, kUntouched) << size;
        const size_t usable = abi.malloc_usable_size(region);
        EXPECT_TRUE(std::all_of(region, region + std::min(usable, is_granary(abi) ? usable : size),
                                [](unsigned char byte) { return byte == 0; }))
            << size;
        abi.free(region);
    }
}

TEST(Calloc, MultipliesItsOperands) {
    for (const size_t count : {size_t{1}, size_t{3}, size_t{1000}}) {
        void* const region = abi.calloc(count, 48);
        ASSERT_NE(region, nullptr);
        EXPECT_GE(abi.malloc_usable_size(region), count * 48);
        abi.free(region);
    }
    for (const auto& [count, size] : {std::pair<size_t, size_t>{0, 8}, {8, 0}, {0, 0}}) {
        void* const region = abi.calloc(count, size);
        EXPECT_NE(region, nullptr);
        abi.free(region);
    }
}

TEST(Calloc, FailsWithEnomemWhenTheProductOverflows) {
    const std::pair<size_t, size_t> kOverflows[] = {
        {SIZE_MAX, 2},           {2, SIZE_MAX},
        {SIZE_MAX / 2 + 1, 2},   {size_t{1} << 32, size_t{1} << 32},
        {SIZE_MAX, SIZE_MAX},    {kPtrdiffMax, 1},
        {kPtrdiffMax / 8 + 1, 8}};
    for (const auto& [count, size] : kOverflows) {
        errno = 0;
        EXPECT_EQ(abi.calloc(count, size), nullptr) << count << " * " << size;
        EXPECT_EQ(errno, ENOMEM) << count << " * " << size;
    }
}

TEST(Realloc, OfNullIsMalloc) {
    for (const size_t size : interesting_sizes()) {
        void* const region = abi.realloc(nullptr, size);
        ASSERT_NE(region, nullptr) << size;
        EXPECT_GE(abi.malloc_usable_size(region), size);
        abi.free(region);
    }
}

TEST(Realloc, ToZeroFreesAndReturnsNullWithErrnoUntouched) {
    for (const size_t size : {size_t{1}, size_t{5000}, size_t{3} << 20}) {
        void* const region = abi.malloc(size);
        errno = kUntouched;
        EXPECT_EQ(abi.realloc(region, 0), nullptr);
        EXPECT_EQ(errno, kUntouched);
    }
}

TEST(Realloc, KeepsTheSmallerOfBothSizesAcrossAllPairs) {
    const std::vector<size_t> sizes = {1,      8,       9,       100,           1000,
                                       4096,   5000,    20000,   33000,         100000,
                                       300000, 1 << 20, 3 << 20, (4 << 20) + 1, size_t{9} << 20};
    for (const size_t from : sizes) {
        for (const size_t to : sizes) {
            auto* const old = static_cast<unsigned char*>(abi.malloc(from));
            ASSERT_NE(old, nullptr);
            for (size_t i = 0; i < from; i += 61) old[i] = static_cast<unsigned char>(i / 61);
            old[from - 1] = 0xee;
            auto* const region = static_cast<unsigned char*>(abi.realloc(old, to));
            ASSERT_NE(region, nullptr);
            const size_t kept = std::min(from, to);
            for (size_t i = 0; i + 1 < kept; i += 61) {
                ASSERT_EQ(region[i], i + 1 == from ? 0xee : static_cast<unsigned char>(i / 61))
                    << from << "->" << to;
            }
            if (from <= to) {
                ASSERT_EQ(region[from - 1], 0xee) << from << "->" << to;
            }
            std::memset(region, 1, to);
            abi.free(region);
        }
    }
}

TEST(Realloc, GrowsStepByStepWithoutLosingAnything) {
    size_t size = 1;
    auto* region = static_cast<unsigned char*>(abi.malloc(size));
    region[0] = 0;
    for (int step = 1; size < size_t{64} << 20; ++step) {
        const size_t wanted = size + size / 8 + 1;
        region = static_cast<unsigned char*>(abi.realloc(region, wanted));
        ASSERT_NE(region, nullptr);
        ASSERT_EQ(region[size - 1], static_cast<unsigned char>(step - 1));
        ASSERT_EQ(region[0], 0);
        region[wanted - 1] = static_cast<unsigned char>(step);
        size = wanted;
    }
    abi.free(region);
}

TEST(Realloc, ThatFailsLeavesTheRegionAlone) {
    for (const size_t size : {size_t{24}, size_t{9000}, size_t{5} << 20}) {
        auto* const region = static_cast<unsigned char*>(abi.malloc(size));
        ASSERT_NE(region, nullptr);
        std::memset(region, 0x3c, size);
        for (const size_t impossible : kImpossibleSizes) {
            errno = 0;
            EXPECT_EQ(abi.realloc(region, impossible), nullptr);
            EXPECT_EQ(errno, ENOMEM);
            errno = 0;
            EXPECT_EQ(abi.reallocarray(region, impossible, 2), nullptr);
            EXPECT_EQ(errno, ENOMEM);
        }
        EXPECT_TRUE(
            std::all_of(region, region + size, [](unsigned char byte) { return byte == 0x3c; }));
        abi.free(region);
    }
}

TEST(ReallocArray, ChecksTheProduct) {
    void* region = abi.reallocarray(nullptr, 10, 10);
    ASSERT_NE(region, nullptr);
    EXPECT_GE(abi.malloc_usable_size(region), 100U);
    errno = 0;
    EXPECT_EQ(abi.reallocarray(region, SIZE_MAX / 2 + 1, 2), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    region = abi.reallocarray(region, 1000, 10);
    ASSERT_NE(region, nullptr);
    EXPECT_GE(abi.malloc_usable_size(region), 10000U);
    abi.free(region);
}

TEST(UsableSize, IsZeroForNullAndStableForARegion) {
    EXPECT_EQ(abi.malloc_usable_size(nullptr), 0U);
    for (const size_t size : interesting_sizes()) {
        void* const region = abi.malloc(size);
        const size_t usable = abi.malloc_usable_size(region);
        std::memset(region, 0xff, usable);
        EXPECT_EQ(abi.malloc_usable_size(region), usable);
        abi.free(region);
    }
}

TEST(Owns, IsTrueForLiveBytesAndFalseForEverythingElse) {
    if (!is_granary(abi))
        GTEST_SKIP() << "needs granary: the C library has no such call";
    static int in_data = 0;
    int on_stack = 0;
    for (const size_t size : interesting_sizes()) {
        auto* const region = static_cast<unsigned char*>(abi.malloc(size));
        EXPECT_TRUE(abi.owns(region)) << size;
        EXPECT_TRUE(abi.owns(region + std::max(size, size_t{1}) - 1)) << size;
        abi.free(region);
    }
    EXPECT_FALSE(abi.owns(nullptr));
    EXPECT_FALSE(abi.owns(&in_data));
    EXPECT_FALSE(abi.owns(&on_stack));
    EXPECT_FALSE(abi.owns(reinterpret_cast<void*>(&tested_abi)));
    for (unsigned bit = 0; bit < 64; ++bit) {
        const uintptr_t power = uintptr_t{1} << bit;
        if (power >= 4096 && power < uintptr_t{1} << 47)
            continue;  // may be anything's address
        EXPECT_FALSE(abi.owns(reinterpret_cast<void*>(power))) << bit;
        EXPECT_FALSE(abi.owns(reinterpret_cast<void*>(~power))) << bit;
    }
}

TEST(BadInput, NeverMovesALiveRegionsBytes) {
    // 14 calls x impossible sizes x alignments, with a live region between them as the witness.
    std::vector<unsigned char*> witnesses;
    for (size_t size = 8; size < 1 << 20; size *= 3) {
        witnesses.push_back(static_cast<unsigned char*>(abi.malloc(size)));
        std::memset(witnesses.back(), 0xa5, size);
    }
    unsigned failures = 0;
    for (const size_t size : kImpossibleSizes) {
        for (unsigned log2 = 0; log2 < 64; ++log2) {
            const size_t alignment = size_t{1} << log2;
            void* out = nullptr;
            failures += abi.malloc(size) == nullptr;
            failures += abi.calloc(size, 1) == nullptr;
            failures += abi.calloc(size, alignment) == nullptr;
            failures += abi.realloc(nullptr, size) == nullptr;
            failures += abi.realloc(witnesses[log2 % witnesses.size()], size) == nullptr;
            failures +=
                abi.reallocarray(witnesses[log2 % witnesses.size()], alignment, size) == nullptr;
            failures += abi.aligned_alloc(alignment, size) == nullptr;
            failures += abi.memalign(alignment, size) == nullptr;
            failures += abi.posix_memalign(&out, alignment, size) != 0;
            failures += abi.valloc(size) == nullptr;
            failures += abi.pvalloc(size) == nullptr;
        }
    }
    EXPECT_EQ(failures, kImpossibleSizes.size() * 64 * 11);
    size_t size = 8;
    for (unsigned char* witness : witnesses) {
        EXPECT_TRUE(std::all_of(witness, witness + size, [](unsigned char byte) {
            return byte == 0xa5;
        })) << size;
        abi.free(witness);
        size *= 3;
    }
}

}  // namespace
}  // namespace granary::tests
