// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// metadata_heap_test.cpp — zero, disjoint, aligned, and honest when the system has no more.
#include "meta/metadata_heap.hpp"

#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "support/fake_pages.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::FakePages;
using tests::PageCall;

class MetadataHeapTest : public testing::Test {
protected:
    MetadataHeapTest() { heap_.bind(fake_.ops()); }

    FakePages fake_;
    MetadataHeap heap_;
};

TEST_F(MetadataHeapTest, HandsOutZeroedDisjointAlignedMemory) {
    const uint64_t seed = tests::test_seed(11);
    SCOPED_TRACE(tests::seed_note(seed));
    base::Prng prng(seed);
    std::map<uintptr_t, size_t> taken;
    for (int i = 0; i < 5000; ++i) {
        const size_t size = 1 + prng.below(3000);
        const size_t alignment = size_t{1} << prng.below(13);
        void* const memory = heap_.allocate(size, alignment);
        ASSERT_NE(memory, nullptr);
        const uintptr_t base = base::address_of(memory);
        ASSERT_TRUE(base::is_aligned(base, alignment));
        ASSERT_TRUE(tests::is_zero(base, size)) << "H1";
        const auto after = taken.lower_bound(base);
        ASSERT_TRUE(after == taken.end() || base + size <= after->first) << "H1";
        ASSERT_TRUE(after == taken.begin() ||
                    std::prev(after)->first + std::prev(after)->second <= base)
            << "H1";
        taken[base] = size;
        tests::mark(base, size);
    }
}

TEST_F(MetadataHeapTest, ServesObjectsLargerThanItsBlocks) {
    const size_t size = 5 * 1024 * 1024 + 123;
    void* const memory = heap_.allocate(size, 64);
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(tests::is_zero(base::address_of(memory), size));
    EXPECT_NE(heap_.allocate(64, 64), nullptr);
}

TEST_F(MetadataHeapTest, AsksTheSystemSeldom) {
    for (int i = 0; i < 16 * 1024; ++i) ASSERT_NE(heap_.allocate(128, 64), nullptr);
    EXPECT_LE(fake_.calls(PageCall::map), 7U);  // 64 KiB doubling: 2 MiB need 6 blocks
    EXPECT_EQ(fake_.calls(PageCall::reserve), 0U);
}

TEST_F(MetadataHeapTest, FirstBlockIsSmall) {
    ASSERT_NE(heap_.allocate(8, 8), nullptr);
    EXPECT_LE(fake_.mapped_bytes(), 64U * 1024);
}

TEST_F(MetadataHeapTest, FailsCleanlyAndWorksAgainWhenMemoryReturns) {
    void* const before = heap_.allocate(64, 64);
    ASSERT_NE(before, nullptr);
    const size_t bytes = heap_.bytes_taken();
    fake_.fail_after(PageCall::map, 0);
    EXPECT_EQ(heap_.allocate(1024 * 1024, 64), nullptr);
    EXPECT_EQ(heap_.map(4096 * 16), nullptr);
    EXPECT_EQ(heap_.bytes_taken(), bytes);
    // What is left of the current block is still there.
    EXPECT_NE(heap_.allocate(64, 64), nullptr);
    fake_.heal();
    void* const after = heap_.allocate(1024 * 1024, 64);
    ASSERT_NE(after, nullptr);
    EXPECT_TRUE(tests::is_zero(base::address_of(after), 1024 * 1024));
}

TEST_F(MetadataHeapTest, TakesLessWhenAWholeBlockIsNotToBeHad) {
    fake_.fail_after(PageCall::map, 0, 1);
    EXPECT_NE(heap_.allocate(100, 8), nullptr);
    EXPECT_EQ(fake_.calls(PageCall::map), 2U);
    EXPECT_LE(fake_.mapped_bytes(), os::page_size());
}

TEST_F(MetadataHeapTest, CountsTheBytesOfItsObjects) {
    EXPECT_EQ(heap_.bytes_taken(), 0U);
    for (int i = 0; i < 100; ++i) ASSERT_NE(heap_.allocate(128, 64), nullptr);
    EXPECT_GE(heap_.bytes_taken(), 12'800U);
    EXPECT_LE(heap_.bytes_taken(), fake_.mapped_bytes());
}

TEST_F(MetadataHeapTest, ThreadsGetDisjointMemory) {
    constexpr size_t kEach = 500;
    std::vector<std::vector<uintptr_t>> got(4);
    std::vector<std::thread> threads;
    for (auto& mine : got) {
        threads.emplace_back([&] {
            for (size_t i = 0; i < kEach; ++i) {
                void* const memory = heap_.allocate(64, 64);
                std::memset(memory, 1, 64);
                mine.push_back(base::address_of(memory));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::map<uintptr_t, int> seen;
    for (const auto& mine : got) {
        for (const uintptr_t base : mine) ++seen[base];
    }
    EXPECT_EQ(seen.size(), got.size() * kEach);
}

}  // namespace
}  // namespace granary::core
