// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_pool_test.cpp — descriptors are distinct, recycled newest first, and run out cleanly.
#include "meta/extent_pool.hpp"

#include <set>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/fake_pages.hpp"

namespace granary::core {
namespace {

class ExtentPoolTest : public testing::Test {
protected:
    ExtentPoolTest() { metadata_.bind(fake_.ops()); }

    tests::FakePages fake_;
    MetadataHeap metadata_;
    ExtentPool pool_;
};

TEST_F(ExtentPoolTest, DescriptorsAreDistinctAndOnCacheLines) {
    std::set<Extent*> taken;
    for (int i = 0; i < 100; ++i) {
        Extent* const extent = pool_.take(metadata_);
        ASSERT_NE(extent, nullptr);
        EXPECT_TRUE(base::is_aligned(base::address_of(extent), 64));
        EXPECT_TRUE(taken.insert(extent).second);
    }
}

TEST_F(ExtentPoolTest, TheLastOneGivenIsTheNextOneTaken) {
    Extent* const first = pool_.take(metadata_);
    Extent* const second = pool_.take(metadata_);
    first->kind = ExtentKind::run;
    pool_.give(first);
    pool_.give(second);
    EXPECT_EQ(first->kind, ExtentKind::none);
    EXPECT_EQ(pool_.take(metadata_), second);
    EXPECT_EQ(pool_.take(metadata_), first);
}

TEST_F(ExtentPoolTest, RecyclingNeedsNoMemory) {
    Extent* const extent = pool_.take(metadata_);
    const size_t bytes = metadata_.bytes_taken();
    for (int i = 0; i < 1000; ++i) {
        pool_.give(extent);
        ASSERT_EQ(pool_.take(metadata_), extent);
    }
    EXPECT_EQ(metadata_.bytes_taken(), bytes);
}

TEST_F(ExtentPoolTest, SaysNoWithoutMemoryAndServesAgainLater) {
    fake_.fail_after(tests::PageCall::map, 0);
    EXPECT_EQ(pool_.take(metadata_), nullptr);
    fake_.heal();
    EXPECT_NE(pool_.take(metadata_), nullptr);
}

}  // namespace
}  // namespace granary::core
