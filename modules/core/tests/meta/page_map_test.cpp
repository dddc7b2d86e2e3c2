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

using detail::make_entry;
using detail::page_entry;
using detail::PageKind;

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

TEST_F(PageMapTest, EntriesPackAndUnpack) {
    for (const uint32_t arena : {0U, 1U, 77U, detail::kMaxArenas - 1}) {
        const uint32_t owner = detail::owner_key(arena);
        for (const PageKind kind :
             {PageKind::run, PageKind::head, PageKind::interior, PageKind::freed}) {
            const uint32_t entry = make_entry(owner, kind, 63, 255);
            EXPECT_NE(entry, 0U);
            EXPECT_EQ(detail::entry_arena(entry), arena);
            EXPECT_EQ(detail::entry_kind(entry), kind);
            EXPECT_EQ(entry & detail::kEntryClassMask, 255U);
            EXPECT_EQ((entry & detail::kEntryPageMask) >> kPageShift, 63U);
        }
        EXPECT_NE(owner, detail::kNoOwnerKey);
        EXPECT_GT(owner ^ detail::kNoOwnerKey, detail::kEntryRunMask)
            << "the empty cache owns nothing";
    }
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
        static_cast<void>(page_entry(address));  // must not fault
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

TEST_F(PageMapTest, UncoveredAndFreshPagesHaveEntryZero) {
    const uintptr_t base = covered(kChunkSize);
    for (size_t page = 0; page < kChunkPages; ++page) {
        ASSERT_EQ(page_entry(base + (page << kPageShift)), 0U);
    }
    EXPECT_EQ(page_entry(0), 0U);
    EXPECT_EQ(page_entry(base::address_of(this)), 0U) << "memory of the test program";
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
    EXPECT_EQ(page_entry(base), 0U);
    EXPECT_EQ(page_entry(base + 2 * kGiB), 0U);
    floor_.fake.heal();
    EXPECT_TRUE(floor_.page_map.cover(base, 3 * kGiB, floor_.metadata));
    EXPECT_EQ(page_entry(base + 2 * kGiB), 0U);
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
            PageMap::set_run(base + (kPageSize << (&thread - threads.data())), 1, 0, PageKind::run,
                             1);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(floor_.fake.calls(tests::PageCall::map), before + 1);
    for (size_t i = 0; i < threads.size(); ++i) EXPECT_EQ(page_entry(base + (kPageSize << i)), 1U);
}

TEST_F(PageMapTest, ARunsPagesNameTheirClassAndTheirPlace) {
    const uintptr_t base = covered(kChunkSize) + 5 * kPageSize;
    const uint32_t owner = detail::owner_key(tests::kTestArena);
    PageMap::set_run(base, 8, owner, PageKind::run, 17);
    for (uint32_t page = 0; page < 8; ++page) {
        for (const uintptr_t offset : {uintptr_t{0}, uintptr_t{1}, kPageSize - 1}) {
            ASSERT_EQ(page_entry(base + page * kPageSize + offset),
                      make_entry(owner, PageKind::run, page, 17));
        }
    }
    EXPECT_EQ(page_entry(base - 1), 0U);
    EXPECT_EQ(page_entry(base + 8 * kPageSize), 0U);
    PageMap::clear_entries(base, 8);
    for (size_t page = 0; page < 8; ++page) EXPECT_EQ(page_entry(base + page * kPageSize), 0U);
}

TEST_F(PageMapTest, ALargeRegionHasOneHeadAndInteriors) {
    const uintptr_t base = covered(kChunkSize);
    const uint32_t owner = detail::owner_key(tests::kTestArena);
    PageMap::set_large(base, 4, owner);
    EXPECT_EQ(page_entry(base), make_entry(owner, PageKind::head, 0, 0));
    for (size_t page = 1; page < 4; ++page) {
        EXPECT_EQ(page_entry(base + page * kPageSize), make_entry(owner, PageKind::interior, 0, 0));
    }
    EXPECT_EQ(page_entry(base + 4 * kPageSize), 0U);
}

TEST_F(PageMapTest, ExtentSlotsLeadToDescriptors) {
    const uintptr_t base = covered(kChunkSize);
    EXPECT_EQ(PageMap::extent_at(base), nullptr);
    Extent extent{};
    PageMap::set_extent(base, &extent);
    EXPECT_EQ(PageMap::extent_at(base), &extent);
    EXPECT_EQ(PageMap::extent_at(base + kPageSize), nullptr);
}

TEST_F(PageMapTest, ARetiredHeadIsFreedOnceAndRemembersItsSize) {
    const uintptr_t base = covered(kChunkSize);
    const uint32_t owner = detail::owner_key(tests::kTestArena);
    Extent extent{};
    PageMap::set_extent(base, &extent);
    PageMap::set_large(base, 3, owner);
    ASSERT_TRUE(PageMap::retire_head(base, owner, 3 * kPageSize));
    EXPECT_EQ(detail::entry_kind(page_entry(base)), PageKind::freed);
    EXPECT_EQ(PageMap::freed_bytes(base), 3 * kPageSize);
    EXPECT_EQ(PageMap::extent_at(base), nullptr) << "P1: a tagged size is no descriptor";
    EXPECT_FALSE(PageMap::retire_head(base, owner, 3 * kPageSize));
    EXPECT_FALSE(PageMap::retire_head(base + kPageSize, owner, kPageSize))
        << "an interior is no head";
    EXPECT_FALSE(PageMap::retire_head(base + 100 * kPageSize, owner, kPageSize))
        << "nor is nothing";
}

TEST_F(PageMapTest, OfTwoThreadsThatRetireAHeadOneWins) {
    const uintptr_t base = covered(kChunkSize);
    const uint32_t owner = detail::owner_key(tests::kTestArena);
    constexpr int kRounds = 2000;
    std::atomic<int> turn{0};
    std::atomic<int> wins{0};
    auto work = [&] {
        for (int i = 0; i < kRounds; ++i) {
            turn.fetch_add(1, std::memory_order_acq_rel);
            while (turn.load(std::memory_order_acquire) < 4 * i + 2) std::this_thread::yield();
            if (PageMap::retire_head(base, owner, kPageSize)) {
                wins.fetch_add(1, std::memory_order_relaxed);
            }
            if (turn.fetch_add(1, std::memory_order_acq_rel) == 4 * i + 3)
                PageMap::set_large(base, 1, owner);
            while (turn.load(std::memory_order_acquire) < 4 * i + 4) std::this_thread::yield();
        }
    };
    PageMap::set_large(base, 1, owner);
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

}  // namespace
}  // namespace granary::core
