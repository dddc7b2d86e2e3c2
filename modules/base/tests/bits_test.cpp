// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bits_test.cpp — the arithmetic against its definition.
#include <granary/base/bits.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include <granary/base/prng.hpp>

namespace granary::base {
namespace {

constexpr size_t kMax = std::numeric_limits<size_t>::max();

static_assert(align_up(4097, 4096) == 8192 && align_down(4097, 4096) == 4096);
static_assert(log2_floor(1) == 0 && log2_ceil(1) == 0);

TEST(Bits, ExactlyTheSingleBitsArePowersOfTwo) {
    EXPECT_FALSE(is_power_of_two(0));
    for (unsigned shift = 0; shift < 64; ++shift) {
        const size_t power = size_t{1} << shift;
        EXPECT_TRUE(is_power_of_two(power));
        if (power > 2) {
            EXPECT_FALSE(is_power_of_two(power - 1));
            EXPECT_FALSE(is_power_of_two(power + 1));
        }
    }
}

TEST(Bits, AlignmentRoundsToTheNearestMultipleOnEachSide) {
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        for (size_t value = 0; value < 3 * alignment; value += 1 + alignment / 7) {
            const size_t up = align_up(value, alignment);
            const size_t down = align_down(value, alignment);
            EXPECT_EQ(up % alignment, 0U);
            EXPECT_EQ(down % alignment, 0U);
            EXPECT_LE(down, value);
            EXPECT_GE(up, value);
            EXPECT_LT(value - down, alignment);
            EXPECT_LT(up - value, alignment);
            EXPECT_EQ(is_aligned(value, alignment), value % alignment == 0);
        }
    }
}

TEST(Bits, AlignUpBeyondTheLastMultipleWrapsToZero) {
    EXPECT_EQ(align_up(kMax, 4096), 0U);
    EXPECT_EQ(align_up(kMax - 4095, 4096), kMax - 4095);
}

TEST(Bits, LogarithmsMeetAtPowersOfTwoAndDifferByOneBetween) {
    for (unsigned shift = 0; shift < 64; ++shift) {
        const size_t power = size_t{1} << shift;
        EXPECT_EQ(log2_floor(power), shift);
        EXPECT_EQ(log2_ceil(power), shift);
        if (shift > 0 && shift < 63) {
            EXPECT_EQ(log2_floor(power + 1), shift);
            EXPECT_EQ(log2_ceil(power + 1), shift + 1);
        }
    }
}

TEST(Bits, PopcountAgreesWithTheStandardLibrary) {
    Prng prng(1);
    EXPECT_EQ(popcount(0), 0U);
    EXPECT_EQ(popcount(~uint64_t{0}), 64U);
    for (int i = 0; i < 10000; ++i) {
        const uint64_t value = prng.next() & prng.next();
        EXPECT_EQ(popcount(value), static_cast<unsigned>(std::popcount(value)));
    }
}

TEST(Bits, OverflowIsReportedAndOtherwiseTheResultIsExact) {
    size_t out = 0;
    EXPECT_FALSE(add_overflows(kMax - 1, 1, out));
    EXPECT_EQ(out, kMax);
    EXPECT_TRUE(add_overflows(kMax, 1, out));
    EXPECT_EQ(out, 0U);
    EXPECT_FALSE(mul_overflows(size_t{1} << 32, (size_t{1} << 32) - 1, out));
    EXPECT_EQ(out, ((size_t{1} << 32) - 1) << 32);
    EXPECT_TRUE(mul_overflows(size_t{1} << 32, size_t{1} << 32, out));
    EXPECT_FALSE(mul_overflows(kMax, 0, out));
    EXPECT_EQ(out, 0U);
}

TEST(Bits, AddressesAndPointersConvertBothWays) {
    std::array<std::byte, 4> bytes{};
    EXPECT_EQ(pointer_at(address_of(bytes.data()) + 3), &bytes[3]);
    EXPECT_EQ(address_of(nullptr), 0U);
}

}  // namespace
}  // namespace granary::base
