// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// chunk_source_test.cpp — chunks taken, given, merged, aligned, purged; hand cases.
#include "page/chunk_source.hpp"

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/page_floor.hpp"

namespace granary::core {
namespace {

using tests::LazyPurge;
using tests::PageCall;

class ChunkSourceTest : public testing::Test, protected tests::PageFloor {
protected:
    ChunkRange take(size_t chunks, size_t alignment = kChunkSize) {
        ChunkRange range;
        EXPECT_TRUE(source.take(chunks, alignment, range));
        EXPECT_EQ(range.chunks, chunks);
        EXPECT_TRUE(base::is_aligned(range.base, alignment));
        EXPECT_TRUE(fake.is_committed(range.base, chunks << kChunkShift)) << "C3";
        return range;
    }
    void give(const ChunkRange& range, bool dirty = true) {
        source.give(range.base, range.chunks, dirty);
    }
    size_t free_chunks(PageState state) { return source.free_bytes(state) >> kChunkShift; }

    void TearDown() override { source.check_invariants(); }
};

TEST_F(ChunkSourceTest, FreshChunksAreZeroCommittedAndAligned) {
    const ChunkRange range = take(3);
    EXPECT_TRUE(range.zeroed);
    EXPECT_TRUE(tests::is_zero(range.base, 3 * kChunkSize));
    tests::mark(range.base, 3 * kChunkSize);
}

TEST_F(ChunkSourceTest, TheFirstChunkReservesLittleAndCommitsOnlyItself) {
    take(1);
    EXPECT_EQ(fake.committed_bytes(), kChunkSize);
    EXPECT_LE(fake.reserved_bytes(), 8U * 1024 * 1024);
}

TEST_F(ChunkSourceTest, SpansGrowSoThatTheSystemIsAskedSeldom) {
    for (int i = 0; i < 512; ++i) take(1);
    EXPECT_LE(fake.calls(PageCall::reserve), 20U)
        << "8 MiB doubling to 256 MiB, some asked for twice";
}

TEST_F(ChunkSourceTest, AGivenRangeIsTakenAgainBeforeFreshOnes) {
    const ChunkRange range = take(4);
    give(range);
    EXPECT_EQ(free_chunks(PageState::dirty), 4U);
    const ChunkRange again = take(4);
    EXPECT_EQ(again.base, range.base);
    EXPECT_FALSE(again.zeroed);
    EXPECT_EQ(free_chunks(PageState::dirty), 0U);
}

TEST_F(ChunkSourceTest, DirtyIsTakenBeforeMuzzyBeforeRetained) {
    source.set_decay(-1, -1, 0);
    const ChunkRange wall = take(5);
    const ChunkRange retained{wall.base, 1, false};
    const ChunkRange muzzy{wall.base + 2 * kChunkSize, 1, false};
    const ChunkRange dirty{wall.base + 4 * kChunkSize, 1, false};
    give(retained, false);
    give(muzzy);
    source.set_decay(0, -1, 0);
    source.decay(1);
    EXPECT_EQ(free_chunks(PageState::muzzy), 1U);
    give(dirty);
    EXPECT_EQ(take(1).base, dirty.base);
    EXPECT_EQ(take(1).base, muzzy.base);
    const ChunkRange last = take(1);
    EXPECT_EQ(last.base, retained.base);
    EXPECT_TRUE(last.zeroed);
}

TEST_F(ChunkSourceTest, C1_NeighboursMergeInAnyOrder) {
    for (const auto& order :
         {std::array<size_t, 3>{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
        const ChunkRange block = take(3);
        for (const size_t i : order) source.give(block.base + (i << kChunkShift), 1, true);
        source.check_invariants();
        const ChunkRange whole = take(3);
        EXPECT_EQ(whole.base, block.base);
        EXPECT_FALSE(whole.zeroed);
        give(whole);
        const ChunkRange again = take(3);
        EXPECT_EQ(again.base, block.base);
    }
}

TEST_F(ChunkSourceTest, C1_RangesOfDifferentStatesStayApart) {
    const ChunkRange block = take(2);
    source.give(block.base, 1, true);
    source.give(block.base + kChunkSize, 1, false);
    EXPECT_EQ(free_chunks(PageState::dirty), 1U);
    ChunkRange both;
    ASSERT_TRUE(source.take(2, kChunkSize, both));
    EXPECT_NE(both.base, block.base) << "one half reads zero, the other does not";
}

TEST_F(ChunkSourceTest, ALongRangeIsSplitAndTheRestStaysFree) {
    const ChunkRange block = take(10);
    give(block);
    const ChunkRange part = take(3);
    EXPECT_EQ(part.base, block.base);
    EXPECT_EQ(free_chunks(PageState::dirty), 7U);
    give(part);
    EXPECT_EQ(take(10).base, block.base);
}

TEST_F(ChunkSourceTest, AlignmentsBeyondAChunkLeaveNothingBehind) {
    for (size_t alignment = kChunkSize; alignment <= (size_t{1} << 30); alignment *= 2) {
        const ChunkRange range = take(2, alignment);
        EXPECT_TRUE(range.zeroed);
        source.check_invariants();
        give(range);
        EXPECT_TRUE(base::is_aligned(take(2, alignment).base, alignment)) << "from a free range";
    }
}

TEST_F(ChunkSourceTest, ChunksSkippedForAlignmentAreServedLater) {
    const ChunkRange first = take(1);
    take(1, 64 * 1024 * 1024);
    const size_t reserves = fake.calls(PageCall::reserve);
    size_t served = 0;
    while (fake.calls(PageCall::reserve) == reserves) {
        take(1);
        ++served;
    }
    EXPECT_GE(served, 4U);
    give(first);
}

TEST_F(ChunkSourceTest, FollowingChunksExtendABlockInPlace) {
    const ChunkRange block = take(2);
    ChunkRange more;
    ASSERT_TRUE(source.take_following(block.base + 2 * kChunkSize, 1, more)) << "fresh space";
    EXPECT_TRUE(more.zeroed);
    give(more);
    ASSERT_TRUE(source.take_following(block.base + 2 * kChunkSize, 1, more)) << "a free range";
    EXPECT_EQ(more.base, block.base + 2 * kChunkSize);
    EXPECT_FALSE(more.zeroed);
    ChunkRange refused;
    EXPECT_FALSE(source.take_following(block.base + kChunkSize, 1, refused)) << "in use";
    EXPECT_FALSE(source.take_following(block.base + 3 * kChunkSize, size_t{1} << 20, refused))
        << "too long";
    EXPECT_FALSE(source.take_following(uintptr_t{1} << 46, 1, refused)) << "nowhere";
}

TEST_F(ChunkSourceTest, FollowingAFreeRangeThatIsTooShortIsRefused) {
    const ChunkRange block = take(4);
    source.give(block.base + kChunkSize, 2, true);
    ChunkRange out;
    EXPECT_FALSE(source.take_following(block.base + kChunkSize, 3, out));
    EXPECT_EQ(free_chunks(PageState::dirty), 2U);
    ASSERT_TRUE(source.take_following(block.base + kChunkSize, 2, out));
}

TEST_F(ChunkSourceTest, PurgedChunksReadZeroAndAreRetained) {
    const ChunkRange block = take(3);
    tests::mark(block.base, 3 * kChunkSize);
    give(block);
    EXPECT_TRUE(source.has_unpurged());
    EXPECT_EQ(source.purge(), 3 * kChunkSize);
    EXPECT_FALSE(source.has_unpurged());
    const ChunkRange again = take(3);
    EXPECT_EQ(again.base, block.base);
    EXPECT_TRUE(again.zeroed);
    EXPECT_TRUE(tests::is_zero(again.base, 3 * kChunkSize));
}

TEST_F(ChunkSourceTest, APurgeThatTheSystemRefusesKeepsTheRangeDirty) {
    const ChunkRange block = take(2);
    tests::mark(block.base, 2 * kChunkSize);
    give(block);
    fake.fail_after(PageCall::purge_forced, 0);
    EXPECT_EQ(source.purge(), 0U);
    EXPECT_EQ(free_chunks(PageState::dirty), 2U);
    const ChunkRange again = take(2);
    EXPECT_FALSE(again.zeroed);
    EXPECT_TRUE(tests::holds(again.base, 2 * kChunkSize, tests::kMark));
}

TEST_F(ChunkSourceTest, AMuzzyRangeIsNeverCalledZeroed) {
    for (const LazyPurge behaviour :
         {LazyPurge::keeps, LazyPurge::zeroes, LazyPurge::zeroes_every_other_page}) {
        fake.set_lazy_purge(behaviour);
        source.set_decay(0, -1, 0);
        const ChunkRange block = take(1);
        tests::mark(block.base, kChunkSize);
        give(block);
        source.decay(1);
        EXPECT_EQ(free_chunks(PageState::muzzy), 1U);
        EXPECT_FALSE(take(1).zeroed);
    }
}

TEST_F(ChunkSourceTest, DecayGoesFromDirtyThroughMuzzyToRetained) {
    constexpr uint64_t kSecond = 1'000'000'000;
    source.set_decay(1000, 1000, 0);
    source.decay(0);
    const ChunkRange block = take(1);
    give(block);
    source.decay(0);
    EXPECT_EQ(free_chunks(PageState::dirty), 1U)
        << "D3: nothing goes in the call that saw it first";
    source.decay(3 * kSecond);
    EXPECT_EQ(free_chunks(PageState::dirty), 0U);
    EXPECT_EQ(free_chunks(PageState::muzzy), 1U);
    source.decay(3 * kSecond);
    EXPECT_EQ(free_chunks(PageState::muzzy), 1U);
    source.decay(6 * kSecond);
    EXPECT_EQ(free_chunks(PageState::muzzy), 0U);
    EXPECT_TRUE(take(1).zeroed);
}

TEST_F(ChunkSourceTest, WithMuzzyTimeZeroDirtyGoesStraightToRetained) {
    source.set_decay(1000, 0, 0);
    give(take(1));
    source.decay(0);
    source.decay(5'000'000'000);
    EXPECT_EQ(free_chunks(PageState::dirty) + free_chunks(PageState::muzzy), 0U);
    EXPECT_EQ(fake.calls(PageCall::purge_lazy), 0U);
    EXPECT_EQ(fake.calls(PageCall::purge_forced), 1U);
}

TEST_F(ChunkSourceTest, PurgeCountersCountPassesCallsAndPages) {
    const ChunkRange block = take(3);
    source.give(block.base, 1, true);
    source.give(block.base + 2 * kChunkSize, 1, true);
    source.purge();
    PurgeCounters dirty;
    PurgeCounters muzzy;
    source.read_purge_counters(dirty, muzzy);
    EXPECT_EQ(dirty.passes, 1U);
    EXPECT_EQ(dirty.calls, 2U);
    EXPECT_EQ(dirty.pages, 2 * kChunkPages);
    EXPECT_EQ(muzzy.calls, 0U);
}

TEST_F(ChunkSourceTest, SizesThatNoMachineHasAreRefused) {
    ChunkRange out;
    for (unsigned shift = 26; shift < 42; ++shift) {
        EXPECT_FALSE(source.take((size_t{1} << shift) + 1, kChunkSize, out)) << shift;
        EXPECT_FALSE(source.take(size_t{3} << shift, kChunkSize, out)) << shift;
    }
    EXPECT_FALSE(source.take(1, size_t{1} << 62, out));
    source.check_invariants();
    take(1);
}

TEST_F(ChunkSourceTest, ASmallerSpanDoesWhenALargeOneIsRefused) {
    take(64);  // the next span would be half of this: several halvings above one chunk
    fake.fail_after(PageCall::reserve, 0, 3);
    while (fake.failures() < 3) take(1);
    fake.heal();
    take(1);
}

TEST_F(ChunkSourceTest, ASmallerSpanDoesWhenThereIsNoRoomForTheLeafOfALargeOne) {
    for (int i = 0; i < 4; ++i) take(64);  // spans are longer than what is asked for now
    fake.fail_after(PageCall::map, 0, 1);
    const size_t released = fake.calls(PageCall::release);
    // A leaf of the page map is due every gigabyte.
    for (int i = 0; i < 16 && fake.failures() == 0; ++i) take(64);
    EXPECT_EQ(fake.failures(), 1U);
    EXPECT_GT(fake.calls(PageCall::release), released) << "the large one was given back";
    take(64);
}

}  // namespace
}  // namespace granary::core
