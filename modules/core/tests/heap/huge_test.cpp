// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge_test.cpp — huge blocks that threads keep when they are freed: reused as they are, given up to
// whoever needs memory, and nobody's in the books.
#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "granary/core/extended.hpp"
#include "support/bin_floor.hpp"
#include "support/fresh_process.hpp"
#include "support/huge_fixture.hpp"
#include "support/startup_options.hpp"

namespace granary::core {
namespace {

using tests::kept_chunks;
using tests::kMiB;
using tests::snapshot;

class Huge : public tests::HugeFixture {};

TEST_F(Huge, AFreedBlockIsHandedOutAgainAsItIs) {
    auto* const block = static_cast<unsigned char*>(allocate(20 * kMiB));
    block[0] = 0x5a;
    block[20 * kMiB - 1] = 0xa5;
    deallocate(block);
    EXPECT_EQ(kept_chunks(), 10U);
    EXPECT_FALSE(owns(block));
    EXPECT_FALSE(owns(block + 7 * kMiB));
    EXPECT_EQ(arena_of_pointer(block + 7 * kMiB), kNoIndex);
    const LockSnapshot before = g_heap.source.mutex().counters();
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(allocate(20 * kMiB), block);
        ASSERT_EQ(kept_chunks(), 0U);
        ASSERT_EQ(usable_size(block), 20 * kMiB);
        ASSERT_TRUE(owns(block + 7 * kMiB));
        deallocate(block);
    }
    EXPECT_LT(g_heap.source.mutex().counters().acquired - before.acquired, 20U) << "by ticks";
    ASSERT_EQ(allocate(20 * kMiB), block);
    EXPECT_EQ(block[0], 0x5a) << "the same memory";
    EXPECT_EQ(block[20 * kMiB - 1], 0xa5);
    deallocate(block);
}

/// Any length but the one that is kept gets its memory, and its own books.
TEST_F(Huge, LengthsThatDifferGetTheMemoryButNotTheBlock) {
    auto* const block = static_cast<char*>(allocate(9 * kMiB));
    deallocate(block);
    for (const size_t size : {9 * kMiB + 5 * kPageSize, 8 * kMiB + 1, 10 * kMiB, 9 * kMiB}) {
        ASSERT_EQ(kept_chunks(), 5U);
        ASSERT_EQ(allocate(size), block);
        const size_t usable = good_size(size);
        EXPECT_EQ(usable_size(block), usable);
        EXPECT_TRUE(owns(block + usable - 1));
        EXPECT_FALSE(owns(block + usable));
        EXPECT_EQ(allocated(), usable);
        check_invariants();
        deallocate(block);
        ASSERT_EQ(allocate(size), block);
        EXPECT_EQ(usable_size(block), usable);
        deallocate(block);
    }
    void* const shorter = allocate(8 * kMiB);
    EXPECT_EQ(kept_chunks(), 0U) << "any other request takes what is kept";
    deallocate(shorter);
}

TEST_F(Huge, SeveralLengthsAreKeptAtOnce) {
    const std::array sizes{3 * kMiB, 5 * kMiB, 20 * kMiB};
    std::array<void*, 3> blocks{};
    for (size_t i = 0; i < 3; ++i) blocks[i] = allocate(sizes[i]);
    for (void* block : blocks) deallocate(block);
    const LockSnapshot before = g_heap.source.mutex().counters();
    for (int round = 0; round < 20; ++round) {
        for (size_t i = 0; i < 3; ++i) ASSERT_EQ(allocate(sizes[i]), blocks[i]);
        for (size_t i = 3; i-- > 0;) deallocate(blocks[i]);
    }
    EXPECT_LT(g_heap.source.mutex().counters().acquired - before.acquired, 20U) << "by ticks";
}

TEST_F(Huge, OtherRequestsAreServedFromKeptMemory) {
    void* const block = allocate(20 * kMiB);
    const uintptr_t base = base::address_of(block);
    const auto lies_within = [base](const void* pointer) {
        return base::address_of(pointer) - base < 20 * kMiB;
    };
    deallocate(block);
    ASSERT_EQ(kept_chunks(), 10U);
    void* const parts[] = {allocate(7 * kMiB), allocate(6 * kMiB), allocate(2 * kMiB)};
    for (void* part : parts) EXPECT_TRUE(lies_within(part));
    for (void* part : parts) deallocate(part);

    void* const again = allocate(20 * kMiB);
    EXPECT_EQ(again, block) << "the parts are one range again";
    deallocate(again);
    // An arena that needs a chunk more.
    std::vector<void*> regions;
    size_t inside = 0;
    for (int i = 0; i < 40; ++i) {
        regions.push_back(allocate(kMiB));
        inside += lies_within(regions.back()) ? 1 : 0;
    }
    EXPECT_GE(inside, 10U);
    for (void* region : regions) deallocate(region);
}

TEST_F(Huge, AlignmentOfAKeptBlockIsLookedAt) {
    std::vector<void*> blocks;
    for (int i = 0; i < 3; ++i) blocks.push_back(allocate(2 * kMiB));
    for (void* block : blocks) deallocate(block);
    for (int i = 0; i < 3; ++i) {
        void* const aligned = allocate_aligned(8 * kMiB, 2 * kMiB);
        EXPECT_TRUE(base::is_aligned(base::address_of(aligned), 8 * kMiB));
        deallocate(aligned);
    }
    purge_all();
    deallocate(allocate_aligned(8 * kMiB, 2 * kMiB));
    EXPECT_EQ(kept_chunks(), 1U);
    for (int i = 0; i < 3; ++i) {
        void* const small = allocate_aligned(8 * kMiB, 100);
        EXPECT_TRUE(base::is_aligned(base::address_of(small), 8 * kMiB));
        EXPECT_EQ(usable_size(small), kPageSize);
        EXPECT_EQ(kept_chunks(), 0U);
        deallocate(small);
        EXPECT_EQ(kept_chunks(), 1U);
    }
}

TEST_F(Huge, AZeroedBlockIsZeroedAgain) {
    void* const block = allocate(5 * kMiB);
    tests::fill(block, 5 * kMiB, 9);
    deallocate(block);
    for (const size_t size : {5 * kMiB, 4 * kMiB + 1}) {
        void* const zeroed = allocate_zeroed(size);
        EXPECT_EQ(zeroed, block);
        EXPECT_TRUE(tests::all_zero(zeroed, usable_size(zeroed)));
        tests::fill(zeroed, usable_size(zeroed), 8);
        deallocate(zeroed);
    }
}

TEST_F(Huge, ABlockGrowsIntoOneThatIsKept) {
    auto* const block = static_cast<char*>(allocate(8 * kMiB));
    ASSERT_EQ(reallocate(block, 4 * kMiB), block);
    auto* const behind = static_cast<char*>(allocate(4 * kMiB));
    ASSERT_EQ(behind, block + 4 * kMiB);
    deallocate(behind);
    ASSERT_EQ(kept_chunks(), 2U);
    EXPECT_EQ(reallocate(block, 7 * kMiB), block);
    EXPECT_EQ(usable_size(block), 7 * kMiB);
    check_invariants();
    deallocate(block);
}

TEST_F(Huge, StatisticsSeeAKeptBlockAsFreeAndDirty) {
    const auto before = snapshot();
    void* const block = allocate(20 * kMiB - 5);
    const auto during = snapshot();
    EXPECT_EQ(during->huge_live, before->huge_live + 1);
    EXPECT_EQ(during->huge_allocated, before->huge_allocated + 20 * kMiB);
    deallocate(block);
    ASSERT_EQ(kept_chunks(), 10U);
    EXPECT_EQ(approximate_active(), before->active);
    const auto after = snapshot();
    EXPECT_EQ(after->huge_live, before->huge_live);
    EXPECT_EQ(after->huge_allocated, before->huge_allocated);
    EXPECT_EQ(after->active, before->active);
    EXPECT_EQ(after->dirty, before->dirty + 20 * kMiB);
    EXPECT_EQ(after->resident, before->resident + 20 * kMiB + (after->metadata - before->metadata));
    const size_t c = large_class_of(20 * kMiB);
    EXPECT_EQ(after->large_classes[c].made, before->large_classes[c].made + 1);
    EXPECT_EQ(after->large_classes[c].freed, before->large_classes[c].freed + 1);
    EXPECT_EQ(after->large_classes[c].kept, 0U);

    deallocate(allocate(20 * kMiB));
    ASSERT_EQ(kept_chunks(), 10U);
    HeapSnapshot one;
    ASSERT_TRUE(take_arena_snapshot(thread_arena(), one));
    EXPECT_EQ(one.huge_live, 0U);
    EXPECT_EQ(one.huge_allocated, 0U);

    deallocate(allocate(20 * kMiB));
    PageRowsSnapshot rows;
    ASSERT_TRUE(take_page_rows(arena_count(), rows));
    size_t dirty = 0;
    for (const auto& row : rows.classes) dirty += row.dirty_bytes;
    EXPECT_GE(dirty, 20 * kMiB);
}

TEST_F(Huge, PurgesAndFlushesGiveKeptBlocksUp) {
    deallocate(allocate(20 * kMiB));
    ASSERT_EQ(kept_chunks(), 10U);
    ASSERT_TRUE(flush_thread_cache());
    EXPECT_EQ(kept_chunks(), 0U);
    EXPECT_EQ(g_heap.source.free_bytes(PageState::dirty), 20 * kMiB) << "not purged";
    deallocate(allocate(20 * kMiB));
    ASSERT_EQ(kept_chunks(), 10U);
    EXPECT_GE(purge_all(), 20 * kMiB);
    EXPECT_EQ(kept_chunks(), 0U);
    EXPECT_EQ(g_heap.source.free_bytes(PageState::dirty), 0U);
}

TEST_F(Huge, KeptBlocksDecay) {
    deallocate(allocate(20 * kMiB));
    ASSERT_EQ(kept_chunks(), 10U);
    EXPECT_EQ(maintain(), INT64_MAX) << "nothing decays in these tests";
    set_dirty_decay_ms(0);
    maintain();
    EXPECT_EQ(kept_chunks(), 0U);
    EXPECT_EQ(g_heap.source.free_bytes(PageState::dirty), 0U);
    deallocate(allocate(20 * kMiB));
    set_dirty_decay_ms(100'000);
    EXPECT_LT(maintain(), INT64_MAX) << "there is something to come back for";
    EXPECT_EQ(kept_chunks(), 10U);
    set_dirty_decay_ms(-1);
}

TEST_F(Huge, BlocksOfTheProgramsArenasAreNotKept) {
    const unsigned home = thread_arena();
    const unsigned arena = create_arena();
    ASSERT_TRUE(bind_thread(arena));
    deallocate(allocate(20 * kMiB));
    EXPECT_EQ(kept_chunks(), 0U);
    void* const block = allocate(20 * kMiB);
    ASSERT_TRUE(bind_thread(home));
    deallocate(allocate(6 * kMiB));
    EXPECT_EQ(kept_chunks(), 3U);
    ASSERT_TRUE(bind_thread(arena));
    EXPECT_EQ(kept_chunks(), 0U) << "a thread leaves nothing of its old arena behind";
    deallocate(block);
    EXPECT_EQ(kept_chunks(), 0U);
    ASSERT_TRUE(bind_thread(home));
    ASSERT_TRUE(destroy_arena(arena));
}

class HugeDeathTest : public Huge {};

TEST_F(HugeDeathTest, AKeptBlockIsFreeToEveryCall) {
    auto* const block = static_cast<char*>(allocate(6 * kMiB - 100));
    deallocate(block);
    ASSERT_EQ(kept_chunks(), 3U);
    EXPECT_DEATH(deallocate(block), tests::double_free_line(block, 6 * kMiB));
    EXPECT_DEATH(std::thread([&] { deallocate(block); }).join(),
                 tests::double_free_line(block, 6 * kMiB));
    EXPECT_DEATH(deallocate_with(block, kNoCache), tests::double_free_line(block, 6 * kMiB));
    EXPECT_DEATH(deallocate(block + 3 * kMiB),
                 tests::misuse_line("free", block + 3 * kMiB, ", which granary does not own"));
    purge_all();
    EXPECT_DEATH(deallocate(block), tests::double_free_line(block, 6 * kMiB));
}

class HugeOptionsDeathTest : public tests::FreshProcess {};

TEST_F(HugeOptionsDeathTest, WhatIsToBePurgedWhenFreedIsNotKept) {
    EXPECT_EXIT(
        {
            tests::startup_options().purge_freed_from = 6 * kMiB;
            deallocate(allocate(6 * kMiB));
            require(kept_chunks() == 0, "not kept");
            require(g_heap.source.free_bytes(PageState::dirty) == 0, "purged");
            deallocate(allocate(6 * kMiB - kPageSize));
            require(kept_chunks() == 3, "below the limit");
            check_invariants();
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(HugeOptionsDeathTest, WithoutThreadCachesNothingIsKept) {
    EXPECT_EXIT(
        {
            tests::startup_options().thread_cache = false;
            void* const block = allocate(6 * kMiB);
            deallocate(block);
            require(kept_chunks() == 0, "not kept");
            require(allocate(6 * kMiB) == block, "but used again");
            deallocate(block);
            check_invariants();
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(HugeOptionsDeathTest, AFilledBlockIsFilledAgain) {
    EXPECT_EXIT(
        {
            tests::startup_options().junk_allocated = true;
            tests::startup_options().junk_freed = true;
            auto* const block = static_cast<unsigned char*>(allocate(3 * kMiB));
            require(block[0] == 0xa5 && block[3 * kMiB - 1] == 0xa5, "junk");
            block[0] = 1;
            deallocate(block);
            require(kept_chunks() == 2, "kept");
            require(block[0] == 0x5a && block[3 * kMiB - 1] == 0x5a, "junk of freed memory");
            require(allocate(3 * kMiB) == block, "the same");
            require(block[0] == 0xa5 && block[3 * kMiB - 1] == 0xa5, "junk again");
            deallocate(block);
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace granary::core
