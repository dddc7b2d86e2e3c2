// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_allocator_test.cpp — placement, growth, trimming, purging of one arena's pages; hand cases.
#include "page/page_allocator.hpp"

#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/page_floor.hpp"

namespace granary::core {
namespace {

using tests::LazyPurge;
using tests::PageCall;

class PageAllocatorTest : public testing::Test, protected tests::PageFloor {
protected:
    PageAllocatorTest() { pages_.set_decay(-1, 0, 0); }
    void TearDown() override {
        pages_.check_invariants();
        source.check_invariants();
    }

    Extent* allocate(size_t pages, size_t alignment = 1, TouchedPages* touched = nullptr) {
        Extent* const extent =
            pages_.allocate(pages, alignment, touched, Growth::allowed);
        EXPECT_NE(extent, nullptr);
        EXPECT_EQ(extent->bytes, pages << kPageShift);
        EXPECT_TRUE(base::is_aligned(extent->base, alignment << kPageShift));
        EXPECT_EQ(extent->arena, tests::kTestArena);
        return extent;
    }
    void release(Extent* extent) { pages_.release(extent, extent->bytes >> kPageShift); }
    /// Allocates, writes and frees, so that the pages are dirty.
    void soil(size_t pages) {
        Extent* const extent = allocate(pages);
        tests::mark(extent->base, extent->bytes);
        release(extent);
    }

    PageAllocator pages_{source, metadata, tests::kTestArena};
};

TEST_F(PageAllocatorTest, StartsWithNothing) {
    const PageCounts counts = pages_.counts();
    EXPECT_EQ(counts.active + counts.dirty + counts.muzzy + counts.retained, 0U);
    EXPECT_EQ(pages_.allocate(1, 1, nullptr, Growth::forbidden), nullptr);
    EXPECT_EQ(fake.calls(PageCall::reserve), 0U);
    EXPECT_EQ(pages_.purge(), 0U);
}

TEST_F(PageAllocatorTest, PagesComeFromTheLowestAddressOfAChunk) {
    Extent* const first = allocate(3);
    Extent* const second = allocate(5);
    EXPECT_EQ(second->base, first->base + 3 * kPageSize);
    release(first);
    EXPECT_EQ(allocate(2)->base, second->base - 3 * kPageSize);
}

TEST_F(PageAllocatorTest, TheShortestSufficientRowIsTaken) {
    Extent* const a = allocate(10);
    allocate(1);
    Extent* const c = allocate(4);
    allocate(1);
    const uintptr_t c_base = c->base;
    release(a);
    release(c);
    EXPECT_EQ(allocate(4)->base, c_base);
}

TEST_F(PageAllocatorTest, ResidentPagesAreTakenBeforeUntouchedOnes) {
    Extent* const untouched = allocate(4);
    allocate(1);
    Extent* const dirty = allocate(6);
    allocate(1);
    const uintptr_t dirty_base = dirty->base;
    pages_.release(untouched, 0);
    release(dirty);
    EXPECT_EQ(allocate(4)->base, dirty_base) << "though the untouched row fits better";
}

TEST_F(PageAllocatorTest, NeighboursCoalesceWhateverTheOrderOfFreeing) {
    Extent* const a = allocate(100);
    Extent* const b = allocate(100);
    Extent* const c = allocate(100);
    allocate(212);
    const uintptr_t base = a->base;
    release(c);
    release(a);
    release(b);
    EXPECT_EQ(allocate(300)->base, base);
}

TEST_F(PageAllocatorTest, EveryAlignmentUpToAChunkIsKept) {
    allocate(1);
    for (size_t alignment = 1; alignment <= kChunkPages; alignment *= 2) {
        for (const size_t pages : {size_t{1}, size_t{3}, alignment, kChunkPages / 2}) {
            Extent* const extent = allocate(pages, alignment);
            pages_.check_invariants();
            if (pages % 2 == 1)
                release(extent);
        }
    }
}

TEST_F(PageAllocatorTest, AWholeChunkCanBeAllocated) {
    Extent* const whole = allocate(kChunkPages);
    EXPECT_TRUE(base::is_aligned(whole->base, kChunkSize));
    EXPECT_EQ(pages_.counts().active, kChunkPages);
    release(whole);
    EXPECT_EQ(pages_.counts().dirty, kChunkPages);
}

TEST_F(PageAllocatorTest, FreshPagesAreUntouchedAndFreedOnesTouched) {
    TouchedPages touched;
    Extent* const extent = allocate(8, 1, &touched);
    const uintptr_t base = extent->base;
    EXPECT_FALSE(touched.bits.any_in_range(touched.first, 8));
    tests::mark(base, 8 * kPageSize);
    release(extent);
    ASSERT_EQ(allocate(8, 1, &touched)->base, base);
    EXPECT_TRUE(touched.bits.all_in_range(touched.first, 8));
}

TEST_F(PageAllocatorTest, OnlyTheTouchedPartOfARunBecomesDirty) {
    Extent* const run = allocate(16);
    pages_.release(run, 3);
    EXPECT_EQ(pages_.counts().dirty, 3U);
    EXPECT_EQ(pages_.counts().active, 0U);
    EXPECT_EQ(pages_.counts().retained, kChunkPages - 3);
}

TEST_F(PageAllocatorTest, ExtendTakesTheFreePagesBehind) {
    Extent* const extent = allocate(4);
    Extent* const wall = allocate(4);
    EXPECT_FALSE(pages_.extend(extent, 5)) << "in use";
    release(wall);
    EXPECT_TRUE(pages_.extend(extent, 8));
    EXPECT_EQ(extent->bytes, 8 * kPageSize);
    EXPECT_EQ(pages_.counts().active, 8U);
    EXPECT_TRUE(pages_.extend(extent, kChunkPages));
    EXPECT_FALSE(pages_.extend(extent, kChunkPages + 1)) << "beyond the chunk";
    release(extent);
}

TEST_F(PageAllocatorTest, TrimGivesTheTailBack) {
    Extent* const extent = allocate(10);
    tests::mark(extent->base, extent->bytes);
    pages_.trim(extent, 4);
    EXPECT_EQ(extent->bytes, 4 * kPageSize);
    EXPECT_EQ(pages_.counts().active, 4U);
    EXPECT_EQ(pages_.counts().dirty, 6U);
    EXPECT_EQ(allocate(6)->base, extent->base + 4 * kPageSize);
}

TEST_F(PageAllocatorTest, G3_OneEmptyChunkIsKeptAndFurtherOnesGoBack) {
    std::vector<Extent*> wholes;
    for (int i = 0; i < 4; ++i) wholes.push_back(allocate(kChunkPages));
    EXPECT_EQ(source.free_bytes(PageState::dirty), 0U);
    for (Extent* whole : wholes) release(whole);
    EXPECT_EQ(pages_.counts().dirty, kChunkPages);
    EXPECT_EQ(source.free_bytes(PageState::dirty), 3 * kChunkSize);
}

TEST_F(PageAllocatorTest, AChunkThatWasNeverTouchedGoesBackAsZeroed) {
    Extent* const first = allocate(kChunkPages);
    Extent* const second = allocate(kChunkPages);
    pages_.release(first, 0);
    pages_.release(second, 0);
    EXPECT_EQ(source.free_bytes(PageState::dirty), 0U);
}

TEST_F(PageAllocatorTest, PurgeLeavesNothingResidentAndReadsZeroAfterwards) {
    Extent* const kept = allocate(1);
    Extent* const extent = allocate(20);
    const uintptr_t base = extent->base;
    tests::mark(base, 20 * kPageSize);
    release(extent);
    EXPECT_TRUE(pages_.has_unpurged());
    EXPECT_EQ(pages_.purge(), 20 * kPageSize);
    EXPECT_FALSE(pages_.has_unpurged());
    EXPECT_EQ(pages_.counts().dirty, 0U);
    TouchedPages touched;
    Extent* const again = allocate(20, 1, &touched);
    ASSERT_EQ(again->base, base);
    EXPECT_FALSE(touched.bits.any_in_range(touched.first, 20));
    EXPECT_TRUE(tests::is_zero(base, 20 * kPageSize));
    release(kept);
}

TEST_F(PageAllocatorTest, PurgeGivesTheEmptyChunkBack) {
    soil(kChunkPages);
    EXPECT_EQ(pages_.purge(), kChunkSize);
    const PageCounts counts = pages_.counts();
    EXPECT_EQ(counts.active + counts.dirty + counts.muzzy + counts.retained, 0U);
    EXPECT_EQ(source.free_bytes(PageState::dirty), 0U);
}

TEST_F(PageAllocatorTest, OneSystemCallPurgesARow) {
    Extent* const a = allocate(10);
    allocate(1);
    Extent* const b = allocate(10);
    allocate(1);
    release(a);
    release(b);
    pages_.purge();
    EXPECT_EQ(fake.calls(PageCall::purge_forced), 2U);
    PurgeCounters dirty;
    PurgeCounters muzzy;
    pages_.read_purge_counters(dirty, muzzy);
    EXPECT_EQ(dirty.passes, 1U);
    EXPECT_EQ(dirty.calls, 2U);
    EXPECT_EQ(dirty.pages, 20U);
}

TEST_F(PageAllocatorTest, ARefusedPurgeKeepsPagesDirtyWithTheirContents) {
    Extent* const extent = allocate(20);
    const uintptr_t base = extent->base;
    allocate(1);
    tests::mark(base, 20 * kPageSize);
    release(extent);
    fake.fail_after(PageCall::purge_forced, 0);
    EXPECT_EQ(pages_.purge(), 0U);
    EXPECT_EQ(pages_.counts().dirty, 20U);
    TouchedPages touched;
    ASSERT_EQ(allocate(20, 1, &touched)->base, base);
    EXPECT_TRUE(touched.bits.all_in_range(touched.first, 20));
    EXPECT_TRUE(tests::holds(base, 20 * kPageSize, tests::kMark));
}

TEST_F(PageAllocatorTest, DecayKeepsWhatTheCurveAllows) {
    constexpr uint64_t kSecond = 1'000'000'000;
    pages_.set_decay(64'000, 0, 0);
    pages_.decay(0);
    soil(400);
    pages_.decay(0);
    EXPECT_EQ(pages_.counts().dirty, 400U);
    pages_.decay(kSecond);
    EXPECT_EQ(pages_.counts().dirty, 400U);
    pages_.decay(33 * kSecond);
    EXPECT_NEAR(static_cast<double>(pages_.counts().dirty), 200, 17)
        << "half time, at least 16 pages a call";
    pages_.decay(70 * kSecond);
    EXPECT_EQ(pages_.counts().dirty, 0U);
    EXPECT_EQ(fake.calls(PageCall::purge_lazy), 0U);
}

TEST_F(PageAllocatorTest, DecayWithAMuzzyTimeGoesThroughThatState) {
    constexpr uint64_t kSecond = 1'000'000'000;
    for (const LazyPurge behaviour :
         {LazyPurge::keeps, LazyPurge::zeroes, LazyPurge::zeroes_every_other_page}) {
        fake.set_lazy_purge(behaviour);
        pages_.set_decay(1000, 1000, 0);
        pages_.decay(0);
        soil(100);
        pages_.decay(0);
        pages_.decay(5 * kSecond);
        EXPECT_EQ(pages_.counts().dirty, 0U);
        EXPECT_EQ(pages_.counts().muzzy, 100U);
        TouchedPages touched;
        Extent* const extent = allocate(100, 1, &touched);
        EXPECT_TRUE(touched.bits.all_in_range(touched.first, 100))
            << "a muzzy page may read anything";
        EXPECT_EQ(pages_.counts().muzzy, 0U);
        release(extent);
        EXPECT_EQ(pages_.counts().dirty, 100U) << "used again, it starts again";
        pages_.decay(5 * kSecond);
        pages_.decay(10 * kSecond);
        EXPECT_EQ(pages_.counts().muzzy, 100U);
        pages_.decay(20 * kSecond);
        EXPECT_EQ(pages_.counts().muzzy, 0U);
        EXPECT_FALSE(pages_.has_unpurged());
        pages_.purge();
    }
}

TEST_F(PageAllocatorTest, DecayTimeZeroPurgesAtTheNextCall) {
    pages_.set_decay(0, 0, 0);
    allocate(1);
    soil(30);
    pages_.decay(0);
    EXPECT_EQ(pages_.counts().dirty, 0U);
}

TEST_F(PageAllocatorTest, WithoutMemoryForAChunkItSaysNoAndRecovers) {
    for (const PageCall call : {PageCall::reserve, PageCall::commit, PageCall::map}) {
        tests::PageFloor floor;
        PageAllocator pages(floor.source, floor.metadata, tests::kTestArena);
        floor.fake.fail_after(call, 0);
        EXPECT_EQ(pages.allocate(1, 1, nullptr, Growth::allowed), nullptr)
            << tests::name_of(call);
        pages.check_invariants();
        floor.fake.heal();
        EXPECT_NE(pages.allocate(1, 1, nullptr, Growth::allowed), nullptr)
            << tests::name_of(call);
        pages.check_invariants();
    }
}

TEST_F(PageAllocatorTest, GrowthCanBeForbidden) {
    Extent* const all = allocate(kChunkPages);
    EXPECT_EQ(pages_.allocate(1, 1, nullptr, Growth::forbidden), nullptr);
    release(all);
    EXPECT_NE(pages_.allocate(1, 1, nullptr, Growth::forbidden), nullptr);
}

}  // namespace
}  // namespace granary::core
