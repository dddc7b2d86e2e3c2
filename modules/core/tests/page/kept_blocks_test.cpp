// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// kept_blocks_test.cpp — freed huge blocks that are kept whole, and the chunk source that may have
// them back at any time.
#include "page/kept_blocks.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "page/block_counts.hpp"
#include "support/page_floor.hpp"

namespace granary::core {
namespace {

using tests::PageCall;

constexpr uintptr_t kBase = uintptr_t{1} << 40;
constexpr size_t kMs = 1'000'000;

TEST(KeptBlocks, ABlockOfExactlyTheLengthIsTaken) {
    KeptBlocks kept;
    EXPECT_TRUE(kept.is_empty());
    ASSERT_TRUE(kept.keep(kBase, 600));
    ASSERT_TRUE(kept.keep(kBase + 2 * kChunkSize, 700));
    ASSERT_TRUE(kept.keep(kBase + 5 * kChunkSize, 700));
    EXPECT_FALSE(kept.is_empty());
    for (const size_t other : {size_t{1}, size_t{88}, size_t{100}, size_t{599}, size_t{601}, size_t{699},
                               600 + kChunkPages, 600 + kChunkSize}) {
        EXPECT_EQ(kept.take(other, kPageSize), 0U) << other;
    }
    EXPECT_EQ(kept.take(700, kPageSize), kBase + 2 * kChunkSize);
    EXPECT_EQ(kept.take(700, kPageSize), kBase + 5 * kChunkSize);
    EXPECT_EQ(kept.take(700, kPageSize), 0U);
    EXPECT_EQ(kept.take(600, kPageSize), kBase);
    EXPECT_TRUE(kept.is_empty());
}

TEST(KeptBlocks, AlignmentIsThatOfTheAddress) {
    KeptBlocks kept;
    ASSERT_TRUE(kept.keep(kBase + 2 * kChunkSize, 10));
    EXPECT_EQ(kept.take(10, 4 * kChunkSize), 0U);
    EXPECT_EQ(kept.take(10, 2 * kChunkSize), kBase + 2 * kChunkSize);
}

TEST(KeptBlocks, O1_WhatIsTooLongOrOneTooManyIsNotKept) {
    KeptBlocks kept;
    EXPECT_FALSE(kept.keep(kBase, KeptBlocks::kMostPages + 1));
    for (size_t i = 0; i < KeptBlocks::kSlots; ++i)
        EXPECT_TRUE(kept.keep(kBase + i * (kChunkSize << 10), KeptBlocks::kMostPages));
    EXPECT_FALSE(kept.keep(kBase - kChunkSize, 1));
    size_t drained = 0;
    kept.drain([&](KeptBlocks::Block block) {
        EXPECT_EQ(block.base, kBase + drained * (kChunkSize << 10));
        EXPECT_EQ(block.pages, KeptBlocks::kMostPages);
        ++drained;
    });
    EXPECT_EQ(drained, KeptBlocks::kSlots);
    EXPECT_TRUE(kept.keep(kBase - kChunkSize, 1));
}

/// The owner keeps and takes while others empty: every block is with one of them, whole.
TEST(KeptBlocks, ManyMayEmptyWhatOneFills) {
    constexpr size_t kBlocks = 64;
    constexpr uint64_t kEmptied = 1000;  // whatever the scheduler does
    KeptBlocks kept;
    // A block's number is written by whoever has it, and by nobody else.
    std::vector<uint64_t> stamps(kBlocks, 0);
    std::vector<std::atomic<bool>> free(kBlocks);
    for (auto& one : free) one.store(true, std::memory_order_relaxed);
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> emptied{0};
    const auto at = [](size_t i) { return kBase + i * kChunkSize; };
    const auto index = [](KeptBlocks::Block block) { return (block.base - kBase) / kChunkSize; };
    std::vector<std::thread> others;
    for (int t = 0; t < 2; ++t) {
        others.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                kept.drain([&](KeptBlocks::Block block) {
                    ++stamps[index(block)];
                    emptied.fetch_add(1, std::memory_order_relaxed);
                    // ORDER: release, pairs with the owner's acquire: it may have the block again.
                    free[index(block)].store(true, std::memory_order_release);
                });
                std::this_thread::yield();
            }
        });
    }
    uint64_t kept_ever = 0;
    uint64_t taken = 0;
    for (size_t i = 0; taken < kEmptied || emptied.load(std::memory_order_relaxed) < kEmptied; ++i) {
        const size_t block = i % kBlocks;
        // ORDER: acquire, as above.
        if (free[block].load(std::memory_order_acquire)) {
            free[block].store(false, std::memory_order_relaxed);
            ++stamps[block];
            if (kept.keep(at(block), 1 + block)) {
                ++kept_ever;
            } else {
                free[block].store(true, std::memory_order_relaxed);
            }
        }
        const size_t wanted = (block + 60) % kBlocks;
        const uintptr_t got = kept.take(1 + wanted, kPageSize);
        if (got == 0)
            continue;
        ASSERT_EQ(got, at(wanted));
        ++stamps[wanted];
        ++taken;
        free[wanted].store(true, std::memory_order_relaxed);
    }
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& other : others) other.join();
    size_t left = 0;
    kept.drain([&](KeptBlocks::Block) { ++left; });
    EXPECT_EQ(kept_ever, taken + emptied.load(std::memory_order_relaxed) + left);
}

/// Blocks of an arena that there is not, and a thread that keeps them.
class KeptBlocksOfSource : public testing::Test, protected tests::PageFloor {
protected:
    static constexpr uint32_t kOwner = detail::owner_key(tests::kTestArena);

    void SetUp() override { source.list(keeper); }
    void TearDown() override {
        source.check_kept(keeper, kOwner);
        source.check_invariants();
    }

    Extent* make(size_t pages) {
        ChunkRange range;
        Extent* const block =
            source.take_block((pages + kChunkPages - 1) / kChunkPages, kChunkSize, range);
        EXPECT_NE(block, nullptr);
        *block = Extent{};
        block->base = range.base;
        block->bytes = pages << kPageShift;
        block->arena = tests::kTestArena;
        block->kind = ExtentKind::huge;
        block->counts = &counts;
        counts.count_huge(0, block->bytes);
        PageMap::set_block(block, 0);
        PageMap::set_head(block, kOwner, detail::kHugeHead);
        return block;
    }
    void keep(Extent* block) {
        ASSERT_TRUE(PageMap::retire_head(block->base, kOwner, detail::kHugeHead));
        ASSERT_TRUE(keeper.keep(block->base, block->bytes >> kPageShift));
    }
    size_t dirty() { return source.free_bytes(PageState::dirty) >> kChunkShift; }

    BlockCounts counts;
    KeptBlocks keeper;
};

TEST_F(KeptBlocksOfSource, AnyRequestMayHaveThemBeforeFreshMemory) {
    for (const size_t wanted : {size_t{1}, size_t{3}, size_t{5}}) {
        Extent* const block = make(4 * kChunkPages + 7);
        const uintptr_t base = block->base;
        const size_t commits = fake.calls(PageCall::commit);
        keep(block);
        EXPECT_EQ(counts.huge_live(), 1U) << "to the arena's books it lives";
        EXPECT_EQ(source.kept().chunks, 5U);
        EXPECT_TRUE(source.has_unpurged());
        EXPECT_EQ(dirty(), 0U);
        ChunkRange range;
        ASSERT_TRUE(source.take(wanted, kChunkSize, range));
        EXPECT_EQ(range.base, base);
        EXPECT_FALSE(range.zeroed);
        EXPECT_EQ(fake.calls(PageCall::commit), commits) << "nothing fresh";
        EXPECT_EQ(source.kept().chunks, 0U);
        EXPECT_EQ(dirty(), 5 - wanted);
        EXPECT_EQ(counts.huge_live(), 0U);
        EXPECT_EQ(counts.huge_bytes(), 0U);
        EXPECT_EQ(PageMap::chunk_word(base).use, ChunkUse::none);
        source.give(range.base, range.chunks, true);
        EXPECT_EQ(source.purge(), 5 * kChunkSize);
    }
}

TEST_F(KeptBlocksOfSource, ABlockMayGrowIntoAKeptOne) {
    Extent* const first = make(2 * kChunkPages);
    Extent* const second = make(2 * kChunkPages);
    ASSERT_EQ(second->base, first->base + 2 * kChunkSize);
    const uintptr_t end = second->base;
    keep(second);
    ChunkRange more;
    ASSERT_TRUE(source.take_following(end, 1, more));
    EXPECT_FALSE(more.zeroed);
    EXPECT_EQ(dirty(), 1U);
    source.give(more.base, 1, true);
    source.give_block(first, true);
}

TEST_F(KeptBlocksOfSource, HasResidentCountsThem) {
    keep(make(3 * kChunkPages));
    EXPECT_FALSE(source.has_resident(4, kChunkSize));
    EXPECT_TRUE(source.has_resident(3, kChunkSize));
}

TEST_F(KeptBlocksOfSource, APurgeTakesThem) {
    Extent* const block = make(3 * kChunkPages - 100);
    tests::mark(block->base, 3 * kChunkSize);
    keep(block);
    EXPECT_EQ(source.purge(), 3 * kChunkSize);
    EXPECT_FALSE(source.has_unpurged());
    EXPECT_TRUE(keeper.is_empty());
}

TEST_F(KeptBlocksOfSource, OneKeeperCanBeEmptiedAlone) {
    KeptBlocks other;
    source.list(other);
    source.list(other);  // twice is once
    Extent* const ours = make(600);
    Extent* const theirs = make(700);
    keep(ours);
    ASSERT_TRUE(PageMap::retire_head(theirs->base, kOwner, detail::kHugeHead));
    ASSERT_TRUE(other.keep(theirs->base, 700));
    source.release_kept(keeper);
    EXPECT_TRUE(keeper.is_empty());
    EXPECT_FALSE(other.is_empty());
    EXPECT_EQ(source.kept().pages, 700U);
    EXPECT_EQ(dirty(), 2U);
    source.release_kept();
    EXPECT_TRUE(other.is_empty());
    EXPECT_EQ(dirty(), 4U);
}

/// The same blocks, kept or given back at once: the curve sees no difference, whenever it is asked.
TEST_F(KeptBlocksOfSource, TheyDecayAsFreeChunksDo) {
    std::vector<size_t> resident[2];
    for (const bool kept : {false, true}) {
        source.set_decay(1000, 0, 0);
        Extent* const block = make(20 * kChunkPages);
        tests::mark(block->base, 20 * kChunkSize);
        source.decay(0);
        if (kept) {
            keep(block);
        } else {
            counts.count_huge(block->bytes, 0);
            source.give_block(block, true);
        }
        for (uint64_t ms = 1; ms <= 1100; ms += 7) {
            source.decay(ms * kMs);
            resident[kept ? 1 : 0].push_back(dirty() + source.kept().chunks);
        }
        EXPECT_EQ(resident[kept ? 1 : 0].front(), 20U);
        EXPECT_EQ(resident[kept ? 1 : 0].back(), 0U);
        EXPECT_FALSE(source.has_unpurged());
    }
    EXPECT_EQ(resident[0], resident[1]);
}

TEST_F(KeptBlocksOfSource, FreeChunksDecayBeforeKeptOnes) {
    source.set_decay(1000, 0, 0);
    source.decay(0);
    ChunkRange loose;
    ASSERT_TRUE(source.take(10, kChunkSize, loose));
    Extent* const block = make(2 * kChunkPages);
    source.give(loose.base, loose.chunks, true);
    keep(block);
    uint64_t ms = 1;
    for (; dirty() > 0; ms += 7) source.decay(ms * kMs);
    EXPECT_GT(ms, 500U);
    EXPECT_EQ(source.kept().chunks, 2U);
    for (; source.has_unpurged() && ms < 1100; ms += 7) source.decay(ms * kMs);
    EXPECT_EQ(source.kept().chunks, 0U);
}

TEST_F(KeptBlocksOfSource, WithoutADescriptorNothingIsTaken) {
    source.discard_extent(source.make_extent());
    std::vector<Extent*> all;
    fake.fail_after(PageCall::map, 0);
    while (Extent* extent = source.make_extent()) all.push_back(extent);
    ChunkRange range;
    EXPECT_EQ(source.take_block(2, kChunkSize, range), nullptr);
    fake.heal();
    EXPECT_FALSE(all.empty());
    for (Extent* extent : all) source.discard_extent(extent);
    fake.fail_after(PageCall::reserve, 0);
    size_t spare = 0;
    size_t made = 0;
    source.count_extents(spare, made);
    EXPECT_EQ(source.take_block(2, kChunkSize, range), nullptr) << "no addresses";
    size_t spare_after = 0;
    source.count_extents(spare_after, made);
    EXPECT_EQ(spare_after, spare) << "and the descriptor is back";
    fake.heal();
}

}  // namespace
}  // namespace granary::core
