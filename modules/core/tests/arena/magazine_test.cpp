// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// magazine_test.cpp — the pool of empty magazines.
#include "arena/magazine.hpp"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/page_floor.hpp"

namespace granary::core {
namespace {

class MagazinePoolTest : public testing::Test, protected tests::PageFloor {};

TEST_F(MagazinePoolTest, Z1_Z2_SlotsEndWithTheMagazineAndBeginAboveTwoNullOnes) {
    Magazine* const magazine = magazines.take(metadata);
    ASSERT_NE(magazine, nullptr);
    EXPECT_EQ(magazine->size(), 0U);
    EXPECT_EQ(magazine->next, nullptr);
    magazine->slots.fill(this);  // whatever it held before
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        magazine->dedicate(3, c);
        void** const first = magazine->first();
        EXPECT_EQ(first[-1], nullptr);
        EXPECT_EQ(first[-2], nullptr);
        void** const end = first + kSizeClasses[c].magazine_capacity;
        EXPECT_EQ(base::address_of(end), base::address_of(magazine) + detail::kMagazineAlignment);
        EXPECT_EQ(magazine_of(first), magazine) << "as a top: empty";
        EXPECT_EQ(magazine_of(end), magazine) << "as a top: full";
    }
}

TEST_F(MagazinePoolTest, GivenMagazinesAreTakenAgainEmpty) {
    Magazine* const magazine = magazines.take(metadata);
    magazine->set_size(5);
    magazines.give(magazine);
    Magazine* const again = magazines.take(metadata);
    EXPECT_EQ(again, magazine);
    EXPECT_EQ(again->size(), 0U);
}

TEST_F(MagazinePoolTest, SaysNoWithoutMemoryAndServesAgainLater) {
    fake.fail_after(tests::PageCall::map, 0);
    EXPECT_EQ(magazines.take(metadata), nullptr);
    fake.heal();
    EXPECT_NE(magazines.take(metadata), nullptr);
}

TEST_F(MagazinePoolTest, ThreadsNeverHoldTheSameOne) {
    std::vector<std::thread> threads;
    for (uint32_t t = 1; t <= 4; ++t) {
        threads.emplace_back([this, t] {
            for (int i = 0; i < 3000; ++i) {
                Magazine* const magazine = magazines.take(metadata);
                ASSERT_NE(magazine, nullptr);
                ASSERT_EQ(magazine->size(), 0U);
                magazine->set_size(t);
                magazine->size_class =
                    static_cast<uint8_t>(t);  // plain: TSan would see a second holder
                ASSERT_EQ(magazine->size(), t);
                magazines.give(magazine);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace granary::core
