// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_map_test.cpp — entries, chunk words, freed heads, and lookups of any 64-bit value.
#include "meta/page_map.hpp"

#include <array>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "support/page_floor.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using detail::page_tag;

constexpr uintptr_t kGiB = uintptr_t{1} << detail::kLeafShift;

class PageMapTest : public testing::Test {
protected:
    /// A covered range that nobody else uses; its pages are never touched, only looked up.
    uintptr_t covered(size_t size) {
        void* const memory =
            floor_.fake.ops().reserve(floor_.fake.ops().self, nullptr, size + kChunkSize);
        EXPECT_NE(memory, nullptr);
        const uintptr_t base = base::align_up(base::address_of(memory), kChunkSize);
        EXPECT_TRUE(floor_.page_map.cover(base, size, floor_.metadata));
        return base;
    }

    tests::PageFloor floor_;
};

TEST_F(PageMapTest, TagsPackAndUnpack) {
    for (const uint32_t arena : {0U, 1U, 77U, detail::kMaxArenas - 1}) {
        const uint32_t owner = detail::owner_key(arena);
        for (const uint32_t code : {0U, 17U, 0xf0U, 0xffU}) {
            EXPECT_NE(owner | code, 0U);
            EXPECT_EQ(detail::tag_arena(owner | code), arena);
            EXPECT_EQ(detail::tag_code(owner | code), code);
            EXPECT_EQ(detail::is_run_tag(owner | code), code < kSmallClassCount);
        }
        EXPECT_GE(owner ^ detail::kNoOwnerKey, kSmallClassCount) << "the empty cache owns nothing";
    }
    EXPECT_FALSE(detail::is_run_tag(0));
}

TEST_F(PageMapTest, ChunkWordsPackAndUnpack) {
    for (const uint32_t index : {0U, 1U, (1U << 26) - 1}) {
        for (const uint32_t pages : {1U, 511U, 512U}) {
            const ChunkWord word =
                ChunkWord::unpack(ChunkWord{ChunkUse::huge, pages, index}.packed());
            EXPECT_EQ(word.use, ChunkUse::huge);
            EXPECT_EQ(word.usable_pages, pages);
            EXPECT_EQ(word.index, index);
        }
    }
    EXPECT_EQ(ChunkWord::unpack(0).use, ChunkUse::none);
}

TEST_F(PageMapTest, AnyAddressMayBeLookedUp) {
    const uint64_t seed = tests::test_seed(21);
    SCOPED_TRACE(tests::seed_note(seed));
    base::Prng prng(seed);
    const uintptr_t own = covered(kChunkSize);
    for (int i = 0; i < 200'000; ++i) {
        const uintptr_t address = prng.next() >> prng.below(64);
        if (address >> kChunkShift == own >> kChunkShift)
            continue;
        const ChunkWord word = PageMap::chunk_word(address);
        if (!detail::is_mappable(address)) {
            ASSERT_EQ(word.use, ChunkUse::none) << address;
            continue;
        }
        static_cast<void>(page_tag(address));  // must not fault
    }
    for (const uintptr_t address :
         {uintptr_t{0}, uintptr_t{1}, uintptr_t{1} << 46, (uintptr_t{1} << 47) - 1,
          uintptr_t{1} << 47, uintptr_t{1} << 63, UINTPTR_MAX}) {
        EXPECT_EQ(PageMap::chunk_word(address).use, ChunkUse::none) << address;
    }
    EXPECT_FALSE(detail::is_mappable(UINTPTR_MAX));
    EXPECT_FALSE(detail::is_mappable(uintptr_t{1} << detail::kAddressBits));
    EXPECT_TRUE(detail::is_mappable((uintptr_t{1} << detail::kAddressBits) - 1));
}

TEST_F(PageMapTest, UncoveredAndFreshPagesHaveTagZero) {
    const uintptr_t base = covered(kChunkSize);
    for (size_t page = 0; page < kChunkPages; ++page) {
        ASSERT_EQ(page_tag(base + (page << kPageShift)), 0U);
    }
    EXPECT_EQ(page_tag(0), 0U);
    EXPECT_EQ(page_tag(base::address_of(this)), 0U) << "memory of the test program";
}

TEST_F(PageMapTest, CoverRefusesWhatTheRootDoesNotReach) {
    const uintptr_t end = uintptr_t{1} << detail::kAddressBits;
    EXPECT_FALSE(floor_.page_map.cover(end, kChunkSize, floor_.metadata));
    EXPECT_FALSE(floor_.page_map.cover(end - kChunkSize, 2 * kChunkSize, floor_.metadata));
}

TEST_F(PageMapTest, CoverMakesEachLeafOnce) {
    // Address space that no program gets: the second quarter of what a root can name.
    const uintptr_t base = (uintptr_t{1} << (detail::kAddressBits - 2)) + 5 * kGiB;
    const size_t before = floor_.fake.calls(tests::PageCall::map);
    ASSERT_TRUE(floor_.page_map.cover(base + kGiB - kChunkSize, 2 * kChunkSize, floor_.metadata));
    EXPECT_EQ(floor_.fake.calls(tests::PageCall::map), before + 2)
        << "a range across a border needs both";
    ASSERT_TRUE(floor_.page_map.cover(base, 2 * kGiB, floor_.metadata));
    EXPECT_EQ(floor_.fake.calls(tests::PageCall::map), before + 2);
}

TEST_F(PageMapTest, CoverWithoutMemorySaysNoAndCanBeRepeated) {
    const uintptr_t base = (uintptr_t{1} << (detail::kAddressBits - 2)) + 50 * kGiB;
    floor_.fake.fail_after(tests::PageCall::map, 1);
    EXPECT_FALSE(floor_.page_map.cover(base, 3 * kGiB, floor_.metadata));
    EXPECT_EQ(page_tag(base), 0U);
    EXPECT_EQ(page_tag(base + 2 * kGiB), 0U);
    floor_.fake.heal();
    EXPECT_TRUE(floor_.page_map.cover(base, 3 * kGiB, floor_.metadata));
    EXPECT_EQ(page_tag(base + 2 * kGiB), 0U);
}

TEST_F(PageMapTest, ConcurrentCoversMakeOneLeaf) {
    const uintptr_t base = (uintptr_t{1} << (detail::kAddressBits - 2)) + 80 * kGiB;
    const size_t before = floor_.fake.calls(tests::PageCall::map);
    std::array<std::thread, 4> threads;
    std::atomic<int> ready{0};
    for (std::thread& thread : threads) {
        thread = std::thread([&] {
            ready.fetch_add(1, std::memory_order_relaxed);
            while (ready.load(std::memory_order_relaxed) != 4) std::this_thread::yield();
            EXPECT_TRUE(floor_.page_map.cover(base, kChunkSize, floor_.metadata));
            PageMap::retire_run(base + (kPageSize << (&thread - threads.data())), 1, 0, 1);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(floor_.fake.calls(tests::PageCall::map), before + 1);
    for (size_t i = 0; i < threads.size(); ++i) EXPECT_EQ(page_tag(base + (kPageSize << i)), detail::kFreedRun);
}

TEST_F(PageMapTest, E1_ARunsPagesNameTheirClassTheirDescriptorAndWhereRegionsBegin) {
    Extent run{};
    run.base = covered(kChunkSize) + 5 * kPageSize;
    run.bytes = 7 * kPageSize;
    const uint32_t owner = detail::owner_key(tests::kTestArena);
    const unsigned size_class = small_class(112);
    PageMap::set_run(&run, owner, size_class);
    for (uintptr_t address = run.base; address < run.base + run.bytes; ++address) {
        ASSERT_EQ(page_tag(address), owner | size_class);
        ASSERT_EQ(PageMap::extent_at(address), &run);
        const uint32_t bias = detail::find_entry(address)->detail.load(std::memory_order_relaxed);
        ASSERT_EQ(detail::is_region_start(address, bias, kSizeClasses[size_class].reciprocal),
                  (address - run.base) % 112 == 0);
    }
    EXPECT_EQ(page_tag(run.base - 1), 0U);
    EXPECT_EQ(page_tag(run.base + run.bytes), 0U);
    PageMap::retire_run(run.base, 7, owner, size_class);
    for (uintptr_t page = run.base; page < run.base + run.bytes; page += kPageSize) {
        EXPECT_EQ(page_tag(page), owner | detail::kFreedRun);
        EXPECT_EQ(detail::find_entry(page)->detail.load(std::memory_order_relaxed), size_class);
    }
    PageMap::clear_entries(run.base, 7);
    for (size_t page = 0; page < 7; ++page) EXPECT_EQ(page_tag(run.base + page * kPageSize), 0U);
}

class PageMapHeadTest : public PageMapTest {
protected:
    /// Enters a large region of `pages` pages.
    Extent large(size_t pages) {
        Extent extent{};
        extent.base = covered(kChunkSize);
        extent.bytes = pages << kPageShift;
        return extent;
    }
    static uint32_t detail_of(uintptr_t page) {
        return detail::find_entry(page)->detail.load(std::memory_order_relaxed);
    }
    const uint32_t owner_ = detail::owner_key(tests::kTestArena);
};

TEST_F(PageMapHeadTest, ALargeRegionHasOneHeadAndInteriors) {
    Extent extent = large(4);
    PageMap::set_large(&extent, owner_);
    EXPECT_EQ(page_tag(extent.base), owner_ | detail::kLargeHead);
    EXPECT_EQ(detail_of(extent.base), 4U);
    EXPECT_EQ(PageMap::extent_at(extent.base), &extent);
    for (size_t page = 1; page < 4; ++page)
        EXPECT_EQ(page_tag(extent.base + page * kPageSize), owner_ | detail::kInterior);
    EXPECT_EQ(page_tag(extent.base + 4 * kPageSize), 0U);
}

TEST_F(PageMapHeadTest, ARetiredHeadIsFreedOnceRemembersItsLengthAndMayBeRevived) {
    Extent extent = large(3);
    PageMap::set_large(&extent, owner_);
    EXPECT_FALSE(PageMap::retire_head(extent.base, owner_, detail::kHugeHead)) << "not that kind";
    ASSERT_TRUE(PageMap::retire_head(extent.base, owner_, detail::kLargeHead));
    EXPECT_EQ(page_tag(extent.base), owner_ | detail::kFreedHead);
    EXPECT_EQ(detail_of(extent.base), 3U);
    EXPECT_FALSE(PageMap::retire_head(extent.base, owner_, detail::kLargeHead));
    EXPECT_FALSE(PageMap::retire_head(extent.base + kPageSize, owner_, detail::kLargeHead))
        << "an interior is no head";
    EXPECT_FALSE(PageMap::retire_head(extent.base + 100 * kPageSize, owner_, detail::kLargeHead))
        << "nor is nothing";
    PageMap::revive_head(extent.base, owner_, detail::kLargeHead);
    EXPECT_EQ(page_tag(extent.base), owner_ | detail::kLargeHead);
    EXPECT_EQ(detail_of(extent.base), 3U);
    EXPECT_TRUE(PageMap::retire_head(extent.base, owner_, detail::kLargeHead));
}

TEST_F(PageMapHeadTest, OfTwoThreadsThatRetireAHeadOneWins) {
    Extent extent = large(1);
    constexpr int kRounds = 2000;
    std::atomic<int> turn{0};
    std::atomic<int> wins{0};
    auto work = [&] {
        for (int i = 0; i < kRounds; ++i) {
            turn.fetch_add(1, std::memory_order_acq_rel);
            while (turn.load(std::memory_order_acquire) < 4 * i + 2) std::this_thread::yield();
            if (PageMap::retire_head(extent.base, owner_, detail::kLargeHead)) {
                wins.fetch_add(1, std::memory_order_relaxed);
            }
            if (turn.fetch_add(1, std::memory_order_acq_rel) == 4 * i + 3)
                PageMap::set_large(&extent, owner_);
            while (turn.load(std::memory_order_acquire) < 4 * i + 4) std::this_thread::yield();
        }
    };
    PageMap::set_large(&extent, owner_);
    std::thread other(work);
    work();
    other.join();
    EXPECT_EQ(wins.load(std::memory_order_relaxed), kRounds);
}

TEST_F(PageMapTest, ChunkSlotsHoldWordAndDescriptor) {
    const uintptr_t base = covered(4 * kChunkSize);
    Extent extent{};
    PageMap::set_chunk(base + kChunkSize, {ChunkUse::huge, 512, 1}, &extent);
    for (const uintptr_t offset : {uintptr_t{0}, kPageSize, kChunkSize - 1}) {
        EXPECT_EQ(PageMap::chunk_word(base + kChunkSize + offset).use, ChunkUse::huge);
        EXPECT_EQ(PageMap::chunk_word(base + kChunkSize + offset).index, 1U);
        EXPECT_EQ(PageMap::chunk_extent(base + kChunkSize + offset), &extent);
    }
    EXPECT_EQ(PageMap::chunk_word(base).use, ChunkUse::none);
    EXPECT_EQ(PageMap::chunk_word(base + 2 * kChunkSize).use, ChunkUse::none);
}

/// A block's words, from any chunk on, also where it leaves a leaf for the next.
TEST_F(PageMapTest, ABlocksChunksAreNumberedAcrossLeaves) {
    const uintptr_t border = (uintptr_t{1} << (detail::kAddressBits - 2)) + 20 * kGiB;
    const uintptr_t base = border - 2 * kChunkSize;
    ASSERT_TRUE(floor_.page_map.cover(base - kChunkSize, 7 * kChunkSize, floor_.metadata));
    Extent block{};
    block.base = base;
    block.bytes = 4 * kChunkSize + 3 * kPageSize;
    PageMap::set_block(&block, 1);
    EXPECT_EQ(PageMap::chunk_word(base).use, ChunkUse::none) << "begins with the second";
    PageMap::set_block(&block, 0);
    for (size_t i = 0; i < 5; ++i) {
        const ChunkWord word = PageMap::chunk_word(base + i * kChunkSize);
        EXPECT_EQ(word.use, ChunkUse::huge) << i;
        EXPECT_EQ(word.index, i);
        EXPECT_EQ(word.usable_pages, i < 4 ? kChunkPages : 3U) << i;
        EXPECT_EQ(PageMap::chunk_extent(base + i * kChunkSize), &block) << i;
    }
    EXPECT_EQ(PageMap::chunk_word(base - kChunkSize).use, ChunkUse::none);
    EXPECT_EQ(PageMap::chunk_word(base + 5 * kChunkSize).use, ChunkUse::none);

    PageMap::clear_chunks(base + kChunkSize, 3);
    for (size_t i = 0; i < 5; ++i) {
        const bool left = i == 0 || i == 4;
        EXPECT_EQ(PageMap::chunk_word(base + i * kChunkSize).use,
                  left ? ChunkUse::huge : ChunkUse::none)
            << i;
        EXPECT_EQ(PageMap::chunk_extent(base + i * kChunkSize), left ? &block : nullptr) << i;
    }
}

}  // namespace
}  // namespace granary::core
