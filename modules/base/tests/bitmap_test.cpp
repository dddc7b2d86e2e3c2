// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bitmap_test.cpp — every operation against a vector<bool>, over sizes around the word.
#include <granary/base/bitmap.hpp>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

#include <granary/base/prng.hpp>

namespace granary::base {
namespace {

constexpr bool works_at_compile_time() {
    Bitmap<512> map;
    map.set_range(10, 200);
    map.clear_range(64, 64);
    return map.count() == 136 && map.find_first_clear(10) == 64 && map.find_first_set(64) == 128;
}
static_assert(works_at_compile_time());
static_assert(sizeof(Bitmap<512>) == 64 && sizeof(Bitmap<1>) == 8 && sizeof(Bitmap<65>) == 16);

template <size_t Bits>
struct Model {
    Bitmap<Bits> map;
    std::vector<bool> bits = std::vector<bool>(Bits, false);

    void fill(size_t first, size_t count, bool value) {
        std::fill_n(bits.begin() + static_cast<ptrdiff_t>(first), count, value);
    }

    size_t count(size_t first, size_t count) const {
        const auto begin = bits.begin() + static_cast<ptrdiff_t>(first);
        return static_cast<size_t>(std::count(begin, begin + static_cast<ptrdiff_t>(count), true));
    }

    size_t find(size_t from, bool value) const {
        while (from < Bits && bits[from] != value) {
            ++from;
        }
        return from;
    }

    void expect_equal() const {
        for (size_t i = 0; i < Bits; ++i) {
            ASSERT_EQ(map.test(i), bits[i]) << "bit " << i;
        }
        size_t in_words = 0;
        for (const uint64_t word : map.words()) {
            in_words += popcount(word);
        }
        ASSERT_EQ(in_words, count(0, Bits)) << "padding bits are set (M1)";
    }
};

template <class T>
class BitmapOfSize : public testing::Test {};
template <size_t Bits>
using SizeOf = std::integral_constant<size_t, Bits>;
using Sizes = testing::Types<SizeOf<1>, SizeOf<7>, SizeOf<63>, SizeOf<64>, SizeOf<65>, SizeOf<128>,
                             SizeOf<200>, SizeOf<512>>;
TYPED_TEST_SUITE(BitmapOfSize, Sizes);

TYPED_TEST(BitmapOfSize, RangesAgreeWithANaiveModel) {
    constexpr size_t kBits = TypeParam::value;
    Model<kBits> model;
    Prng prng(kBits);
    for (int step = 0; step < 3000; ++step) {
        const size_t first = prng.below(kBits + 1);
        const size_t count = prng.below(kBits - first + 1);
        const bool value = prng.below(2) == 0;
        if (value) {
            model.map.set_range(first, count);
        } else {
            model.map.clear_range(first, count);
        }
        model.fill(first, count, value);
        model.expect_equal();

        const size_t from = prng.below(kBits + 1);
        const size_t size = prng.below(kBits - from + 1);
        const size_t set = model.count(from, size);
        ASSERT_EQ(model.map.count_range(from, size), set);
        ASSERT_EQ(model.map.any_in_range(from, size), set > 0);
        ASSERT_EQ(model.map.none_in_range(from, size), set == 0);
        ASSERT_EQ(model.map.all_in_range(from, size), set == size);
        ASSERT_EQ(model.map.find_first_set(from), model.find(from, true));
        ASSERT_EQ(model.map.find_first_clear(from), model.find(from, false));
        size_t end = from;
        while (end != 0 && !model.bits[end - 1]) --end;
        ASSERT_EQ(model.map.find_end_of_set(from), end);
        ASSERT_EQ(model.map.count(), model.count(0, kBits));
        ASSERT_EQ(model.map.none(), model.map.count() == 0);
        ASSERT_EQ(model.map.any(), model.map.count() != 0);
    }
}

TYPED_TEST(BitmapOfSize, SingleBitsAgreeWithANaiveModel) {
    constexpr size_t kBits = TypeParam::value;
    Model<kBits> model;
    Prng prng(kBits + 1);
    for (int step = 0; step < 2000; ++step) {
        const size_t i = prng.below(kBits);
        const bool value = prng.below(2) == 0;
        value ? model.map.set(i) : model.map.clear(i);
        model.bits[i] = value;
    }
    model.expect_equal();
}

TYPED_TEST(BitmapOfSize, SetAlgebraAgreesBitByBit) {
    constexpr size_t kBits = TypeParam::value;
    Bitmap<kBits> a;
    Bitmap<kBits> b;
    Prng prng(kBits + 2);
    for (size_t i = 0; i < kBits; ++i) {
        if (prng.below(2) == 0)
            a.set(i);
        if (prng.below(2) == 0)
            b.set(i);
    }
    const auto both = bit_and(a, b);
    const auto either = bit_or(a, b);
    const auto only_a = and_not(a, b);
    const auto not_a = bit_not(a);
    for (size_t i = 0; i < kBits; ++i) {
        EXPECT_EQ(both.test(i), a.test(i) && b.test(i));
        EXPECT_EQ(either.test(i), a.test(i) || b.test(i));
        EXPECT_EQ(only_a.test(i), a.test(i) && !b.test(i));
        EXPECT_EQ(not_a.test(i), !a.test(i));
    }
    EXPECT_EQ(not_a.count() + a.count(), kBits);
    EXPECT_EQ(bit_not(not_a), a);
}

TYPED_TEST(BitmapOfSize, FullAndEmptyBitmapsAnswerAtTheEdges) {
    constexpr size_t kBits = TypeParam::value;
    Bitmap<kBits> map;
    EXPECT_EQ(map.find_first_set(), kBits);
    EXPECT_EQ(map.find_first_clear(), 0U);
    map.set_all();
    EXPECT_EQ(map.count(), kBits);
    EXPECT_EQ(map.find_first_clear(), kBits);
    EXPECT_EQ(map.find_first_set(kBits - 1), kBits - 1);
    EXPECT_EQ(map.find_first_set(kBits), kBits);
    EXPECT_EQ(map.find_end_of_set(), kBits);
    EXPECT_EQ(map.find_end_of_set(0), 0U);
    map.clear_all();
    EXPECT_EQ(map.find_end_of_set(), 0U);
    EXPECT_TRUE(map.none());
}

TEST(BitmapInvariants, M2_ZeroBytesAreAnEmptyBitmap) {
    void* const zeros = std::calloc(1, sizeof(Bitmap<200>));
    auto* const map = static_cast<Bitmap<200>*>(zeros);
    EXPECT_TRUE(map->none());
    map->set(199);
    EXPECT_EQ(map->find_first_set(), 199U);
    std::free(zeros);
}

#if GRANARY_DEBUG
TEST(BitmapDeathTest, M1_ARangeBeyondTheEndIsCaught) {
    Bitmap<100> map;
    EXPECT_DEATH(map.set(100), "invariant M1");
    EXPECT_DEATH(map.set_range(90, 11), "invariant M1");
}
#endif

}  // namespace
}  // namespace granary::base
