// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fast_relatives_test.cpp — the inlined relatives answer as the functions of heap.hpp do.
#include "granary/core/detail/fast_relatives.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/heap_fixture.hpp"

namespace granary::core {
namespace {

class FastRelatives : public tests::HeapFixture {};

TEST_F(FastRelatives, ZeroWritesTheWholeRegionAndNothingElse) {
    alignas(16) std::array<unsigned char, kLowMax + 32> memory{};
    for (const SizeClass& cls : kSizeClasses) {
        if (cls.size > kLowMax)
            break;
        memory.fill(0xee);
        fast::zero(memory.data() + 16, cls.size);
        for (size_t i = 0; i < cls.size + 32; ++i) {
            const bool inside = i >= 16 && i < 16 + cls.size;
            ASSERT_EQ(memory[i], inside ? 0 : 0xee) << cls.size << " bytes, at " << i;
        }
    }
}

TEST_F(FastRelatives, AlignedSizesGetAlignedRegionsOfTheLeastSuchClass) {
    for (size_t alignment = 1; alignment <= kPageSize; alignment *= 2) {
        for (size_t size = 1; size <= kLowMax; size += 1 + size / 16) {
            ASSERT_TRUE(fast::is_low_aligned(alignment, size));
            void* const region = allocate(fast::aligned_size(alignment, size));
            ASSERT_TRUE(base::is_aligned(base::address_of(region), alignment));
            void* const other = allocate_aligned(alignment, size);
            ASSERT_EQ(usable_size(region), usable_size(other)) << alignment << ", " << size;
            fast::deallocate_sized_aligned(region, alignment, size);
            fast::deallocate_sized_aligned(other, alignment, size);
        }
    }
    for (const size_t alignment : {size_t{0}, size_t{3}, size_t{24}, 2 * kPageSize, SIZE_MAX})
        EXPECT_FALSE(fast::is_low_aligned(alignment, 8)) << alignment;
    for (const size_t size : {size_t{0}, kLowMax + 1, SIZE_MAX})
        EXPECT_FALSE(fast::is_low_aligned(16, size)) << size;
}

TEST_F(FastRelatives, UsableSizeAndFitsAgreeWithTheWholeFunctions) {
    for (size_t size = 1; size <= kSmallMax; size += size < kLowMax ? 1 : 101) {
        void* const region = allocate(size);
        ASSERT_EQ(fast::usable_size(region), usable_size(region)) << size;
        ASSERT_TRUE(fast::fits(region, small_class(size))) << size;
        ASSERT_TRUE(fast::fits(region, small_class(usable_size(region)))) << size;
        if (usable_size(region) < kSmallMax) {
            ASSERT_FALSE(fast::fits(region, small_class(usable_size(region) + 1))) << size;
        }
        fast::deallocate_sized(region, size);
    }
    for (const size_t size : {kLowMax + 1, kSmallMax, kSmallMax + 1, size_t{5} << 20}) {
        void* const region = allocate(size);
        EXPECT_EQ(fast::usable_size(region), usable_size(region)) << size;
        fast::deallocate_sized(region, size);
    }
    EXPECT_EQ(fast::usable_size(nullptr), 0U);
    EXPECT_FALSE(fast::fits(nullptr, small_class(8)));
    fast::deallocate_sized(nullptr, 8);
    fast::deallocate_sized_aligned(nullptr, 8, 8);
}

using FastRelativesDeathTest = FastRelatives;

TEST_F(FastRelativesDeathTest, WrongSizesAndInteriorPointersEndWithALine) {
    void* const region = allocate(100);
    EXPECT_DEATH(fast::deallocate_sized(region, 200), "size");
    EXPECT_DEATH(fast::deallocate_sized(region, 50), "size");
    EXPECT_DEATH(fast::deallocate_sized(static_cast<char*>(region) + 8, 100), "interior");
    EXPECT_DEATH((void)fast::usable_size(static_cast<char*>(region) + 8), "interior");
    EXPECT_FALSE(fast::fits(static_cast<char*>(region) + 8, 100));
    fast::deallocate_sized(region, 100);
    EXPECT_DEATH(fast::deallocate_sized(region, 100), "double|freed");
}

}  // namespace
}  // namespace granary::core
