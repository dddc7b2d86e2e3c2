// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// control_test.cpp — counters, statistics, purges and settings.
#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

#include "granary/core/background.hpp"
#include "support/heap_fixture.hpp"
#include "support/seed.hpp"
#include "support/startup_options.hpp"

namespace granary::core {
namespace {

using tests::kKiB;
using tests::kMiB;
using tests::snapshot;

class Counters : public tests::HeapFixture {};

TEST_F(Counters, CountUsableBytesExactlyFromTheFirstCallOn) {
    uint64_t* const in = thread_allocated_counter();
    uint64_t* const out = thread_deallocated_counter();
    ASSERT_NE(in, nullptr);
    ASSERT_NE(out, nullptr);
    EXPECT_EQ(thread_allocated_counter(), in) << "stable";
    uint64_t made = *in;
    uint64_t freed = *out;
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{100}, size_t{5000}, size_t{100'000}, 3 * kMiB}) {
        for (int i = 0; i < 200; ++i) {
            void* region = i % 2 == 0 ? allocate(size) : allocate_zeroed(size);
            made += usable_size(region);
            ASSERT_EQ(*in, made) << size;
            if (i % 20 == 0) {
                const size_t before = usable_size(region);
                void* const resized = reallocate(region, size * 2 + 10);
                if (resized != region || usable_size(resized) != before) {
                    made += usable_size(resized);
                    freed += before;
                }
                region = resized;
                ASSERT_EQ(*in, made) << size;
                ASSERT_EQ(*out, freed) << size;
            }
            freed += usable_size(region);
            deallocate(region);
            ASSERT_EQ(*out, freed) << size;
        }
    }
    void* const aligned = allocate_aligned(64 * 1024, 10);
    EXPECT_EQ(*in, made + usable_size(aligned));
    EXPECT_EQ(*out, freed);
    deallocate(aligned);
}

class Snapshot : public tests::HeapFixture {};

/// Random programs; after every step the statistics must say what a model says.
TEST_F(Snapshot, EqualsAModelAfterEveryStep) {
    const uint64_t seed = tests::test_seed(91);
    SCOPED_TRACE(tests::seed_note(seed));
    base::Prng prng(seed);
    const auto before = snapshot();
    std::map<void*, size_t> live;
    std::array<size_t, kSmallClassCount> small{};
    size_t small_bytes = 0, large_bytes = 0, huge_bytes = 0, large_count = 0, huge_count = 0;
    auto count = [&](size_t usable, int sign) {
        const auto add = [sign](size_t& sum, size_t value) {
            sum += sign > 0 ? value : size_t{0} - value;
        };
        if (usable <= kSmallMax) {
            add(small[small_class(usable)], 1);
            add(small_bytes, usable);
        } else {
            const bool huge = usable > 256 * kPageSize;
            add(huge ? huge_bytes : large_bytes, usable);
            add(huge ? huge_count : large_count, 1);
        }
    };
    auto any = [&] {
        return std::next(live.begin(), static_cast<ptrdiff_t>(prng.below(live.size())));
    };
    for (int i = 0; i < 3000; ++i) {
        const size_t size = prng.below(size_t{1} << (3 + prng.below(20)));
        if (live.empty() || prng.below(5) < 2) {
            void* const region = allocate(size);
            live[region] = usable_size(region);
            count(live[region], +1);
        } else if (prng.below(3) != 0) {
            const auto it = any();
            count(it->second, -1);
            deallocate(it->first);
            live.erase(it);
        } else {
            const auto it = any();
            count(it->second, -1);
            void* const region = reallocate(it->first, size + 1);
            live.erase(it);
            live[region] = usable_size(region);
            count(live[region], +1);
        }
        if (i % 500 == 0)
            purge_all();
        if (i % 10 != 0)
            continue;
        const auto now = snapshot();
        ASSERT_EQ(now->small_allocated - before->small_allocated, small_bytes);
        ASSERT_EQ(now->large_allocated - before->large_allocated, large_bytes);
        ASSERT_EQ(now->huge_allocated - before->huge_allocated, huge_bytes);
        ASSERT_EQ(now->large_live - before->large_live, large_count);
        ASSERT_EQ(now->huge_live - before->huge_live, huge_count);
        ASSERT_EQ(now->allocated,
                  now->small_allocated + now->large_allocated + now->huge_allocated);
        ASSERT_GE(now->active, now->allocated);
        ASSERT_EQ(now->mapped, now->active + now->dirty + now->muzzy + now->metadata);
        ASSERT_LE(now->resident, now->mapped);
        for (unsigned c = 0; c < kSmallClassCount; ++c) {
            ASSERT_EQ(now->bins[c].live_regions - before->bins[c].live_regions, small[c]) << c;
        }
        check_invariants();
    }
    for (const auto& [region, usable] : live) deallocate(region);
}

TEST_F(Snapshot, OfArenasAddsUpToTheWhole) {
    std::vector<void*> regions;
    for (int i = 0; i < 1000; ++i) regions.push_back(allocate(static_cast<size_t>(i) * 100));
    regions.push_back(allocate(5 * kMiB));
    const auto whole = snapshot();
    HeapSnapshot sum;
    for (unsigned i = 0; i < arena_count(); ++i) {
        HeapSnapshot one;
        ASSERT_TRUE(take_arena_snapshot(i, one));
        sum.small_allocated += one.small_allocated;
        sum.large_allocated += one.large_allocated;
        sum.large_live += one.large_live;
        sum.huge_live += one.huge_live;
        sum.threads += one.threads;
    }
    EXPECT_EQ(sum.small_allocated, whole->small_allocated);
    EXPECT_EQ(sum.large_allocated, whole->large_allocated);
    EXPECT_EQ(sum.large_live, whole->large_live);
    EXPECT_EQ(sum.threads, whole->threads);
    EXPECT_EQ(whole->arenas, arena_count());
    HeapSnapshot none;
    EXPECT_FALSE(take_arena_snapshot(arena_count(), none));
    for (void* region : regions) deallocate(region);
}

TEST_F(Snapshot, CountsLargeRegionsByClassAndOnce) {
    const auto before = snapshot();
    const size_t c = large_class_of(300 * kKiB);
    const size_t grown = large_class_of(600 * kKiB);
    const size_t huge = large_class_of(5 * kMiB);
    void* const large = allocate(300 * kKiB);
    void* const block = allocate(5 * kMiB);
    auto now = snapshot();
    EXPECT_EQ(now->large_classes[c].live() - before->large_classes[c].live(), 1U);
    EXPECT_EQ(now->large_classes[huge].live() - before->large_classes[huge].live(), 1U);
    void* const resized = reallocate(large, 600 * kKiB);
    now = snapshot();
    EXPECT_EQ(now->large_classes[c].live(), before->large_classes[c].live());
    EXPECT_EQ(now->large_classes[grown].live() - before->large_classes[grown].live(), 1U);
    deallocate(resized);
    deallocate(block);
    now = snapshot();
    for (size_t i = 0; i < kLargeClassCount; ++i) {
        ASSERT_EQ(now->large_classes[i].live(), before->large_classes[i].live()) << i;
    }
}

TEST_F(Snapshot, OfAllArenasAtOnceAddsUpToTheWholeAndIsOrdered) {
    std::vector<void*> regions;
    for (int i = 0; i < 3000; ++i) regions.push_back(allocate(static_cast<size_t>(i) * 40));
    const auto whole = std::make_unique<HeapSnapshot>();
    std::vector<HeapSnapshot> each(arena_count());
    std::vector<HeapSnapshot*> slots;
    for (HeapSnapshot& one : each) slots.push_back(&one);
    take_snapshots(*whole, slots);
    HeapSnapshot sum;
    for (const HeapSnapshot& one : each) {
        EXPECT_LE(one.allocated, one.active);
        EXPECT_LE(one.active, one.resident);
        EXPECT_LE(one.resident, one.mapped);
        sum.allocated += one.allocated;
        sum.active += one.active;
        sum.cached += one.cached;
        sum.thread_cached += one.thread_cached;
        sum.small_resident += one.small_resident;
        for (unsigned c = 0; c < kSmallClassCount; ++c) {
            sum.bins[c].live_regions += one.bins[c].live_regions;
            sum.bins[c].regions_made += one.bins[c].regions_made;
            EXPECT_EQ(one.bins[c].regions_made - one.bins[c].regions_returned,
                      one.bins[c].live_regions + one.bins[c].cached_regions);
        }
    }
    EXPECT_EQ(sum.allocated, whole->allocated);
    EXPECT_EQ(sum.active, whole->active);
    EXPECT_EQ(sum.cached, whole->cached);
    EXPECT_EQ(sum.thread_cached, whole->thread_cached);
    EXPECT_EQ(sum.small_resident, whole->small_resident);
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        EXPECT_EQ(sum.bins[c].live_regions, whole->bins[c].live_regions) << c;
        EXPECT_EQ(sum.bins[c].regions_made, whole->bins[c].regions_made) << c;
    }
    EXPECT_LE(whole->resident, whole->mapped);
    for (void* region : regions) deallocate(region);
}

TEST_F(Snapshot, UnusedPagesAreInTheirRows) {
    void* const first = allocate(100 * kKiB);
    void* const second = allocate(100 * kKiB);
    deallocate(first);
    deallocate(second);
    flush_thread_cache();
    PageRowsSnapshot rows;
    ASSERT_TRUE(take_page_rows(arena_count(), rows));
    size_t dirty = 0;
    size_t retained = 0;
    for (size_t i = 0; i < kPageClassCount; ++i) {
        const PageRowsSnapshot::Counts& counts = rows.classes[i];
        EXPECT_GE(counts.dirty_bytes, counts.dirty * page_class_size(i)) << i;
        dirty += counts.dirty_bytes;
        retained += counts.retained_bytes;
    }
    const auto now = snapshot();
    EXPECT_LE(dirty, now->dirty);  // cached large regions are no rows
    EXPECT_LE(retained, now->retained);
    EXPECT_FALSE(take_page_rows(arena_count() + 1, rows));
}

class ArenaDecay : public tests::HeapFixture {};

TEST_F(ArenaDecay, OfOneArenaIsItsOwnFromThenOn) {
    EXPECT_EQ(arena_muzzy_decay_ms(0), muzzy_decay_ms());
    const int64_t common = dirty_decay_ms();
    ASSERT_TRUE(set_arena_dirty_decay_ms(0, 77));
    set_dirty_decay_ms(common + 1);
    EXPECT_EQ(arena_dirty_decay_ms(0), 77);
    set_muzzy_decay_ms(5);
    EXPECT_EQ(arena_muzzy_decay_ms(0), 5);
    set_muzzy_decay_ms(0);
    set_dirty_decay_ms(common);
    ASSERT_TRUE(set_arena_dirty_decay_ms(0, common));
    EXPECT_EQ(arena_dirty_decay_ms(arena_count()), -2);
    EXPECT_FALSE(set_arena_dirty_decay_ms(arena_count(), 1));
}

class Purge : public tests::HeapFixture {};

TEST_F(Purge, AllLeavesTheLiveRegionsAndNothingElse) {
    std::vector<std::pair<void*, size_t>> live;
    std::vector<void*> dead;
    for (size_t i = 0; i < 4000; ++i) {
        const size_t size = i % 400 == 0 ? 3 * kMiB : i % 20 == 0 ? 50'000 + i * 10 : 16 + i % 3000;
        void* const region = allocate(size);
        tests::fill(region, size, static_cast<unsigned>(i));
        if (i % 3 == 0) {
            live.emplace_back(region, size);
        } else {
            dead.push_back(region);
        }
    }
    for (void* region : dead) deallocate(region);
    const size_t held = allocated();
    EXPECT_GT(purge_all(), kMiB);
    const auto after = snapshot();
    EXPECT_EQ(allocated(), held);
    EXPECT_EQ(after->dirty, 0U);
    EXPECT_EQ(after->muzzy, 0U);
    EXPECT_EQ(after->cached, 0U);
    size_t i = 0;
    for (const auto& [region, size] : live) {
        ASSERT_TRUE(tests::keeps(region, size, static_cast<unsigned>(3 * i++)));
        deallocate(region);
    }
    purge_all();
    const auto empty = snapshot();
    EXPECT_EQ(empty->dirty + empty->muzzy, 0U);
    if (empty->allocated == 0) {
        EXPECT_EQ(empty->active, 0U) << "with nothing live no page is kept";
    }
}

TEST_F(Purge, OfAnArenaThatDoesNotExistSaysSo) {
    deallocate(allocate(1));
    EXPECT_TRUE(purge_arena(0));
    EXPECT_TRUE(decay_arena(0));
    EXPECT_FALSE(purge_arena(arena_count()));
    EXPECT_FALSE(decay_arena(arena_count()));
    EXPECT_EQ(arena_limit(), tests::kArenaLimit);
    EXPECT_LE(tests::automatic_arenas(), arena_limit());
}

TEST_F(Purge, FlushEmptiesTheOwnCache) {
    for (int i = 0; i < 100; ++i) deallocate(allocate(static_cast<size_t>(i) * 16));
    EXPECT_TRUE(flush_thread_cache());
    for (unsigned i = 0; i < arena_count(); ++i) purge_arena(i);
    EXPECT_EQ(snapshot()->cached, 0U);
}

TEST_F(Purge, WithDecayTimeZeroMaintenanceLeavesNothingDirty) {
    EXPECT_EQ(dirty_decay_ms(), -1);
    EXPECT_EQ(muzzy_decay_ms(), 0);
    purge_all();
    void* const keep = allocate(50'000);
    std::vector<void*> regions;
    for (int i = 0; i < 50; ++i)
        regions.push_back(allocate(300'000 + static_cast<size_t>(i) * 4096));
    regions.push_back(allocate(9 * kMiB));
    for (void* region : regions) {
        std::memset(region, 1, usable_size(region));
        deallocate(region);
    }
    EXPECT_EQ(maintain(), INT64_MAX) << "nothing is ever due";
    EXPECT_GT(snapshot()->dirty, 0U);
    set_dirty_decay_ms(0);
    EXPECT_EQ(dirty_decay_ms(), 0);
    for (unsigned i = 0; i < arena_count(); ++i) decay_arena(i);
    maintain();
    purge_arena(0);  // regions in the large cache age by the real clock
    for (unsigned i = 0; i < arena_count(); ++i) purge_arena(i);
    maintain();
    EXPECT_EQ(snapshot()->dirty, 0U);
    set_dirty_decay_ms(-1);
    EXPECT_EQ(dirty_decay_ms(), -1);
    deallocate(keep);
}

TEST_F(Purge, MaintenanceNamesATimeWhileSomethingIsPending) {
    set_dirty_decay_ms(60'000);
    void* const block = allocate(9 * kMiB);
    std::memset(block, 1, 9 * kMiB);
    deallocate(block);
    const int64_t ms = maintain();
    EXPECT_GE(ms, 10);
    EXPECT_LE(ms, 1000);
    purge_all();
    set_dirty_decay_ms(-1);
    EXPECT_EQ(maintain(), INT64_MAX);
}

TEST_F(Purge, TheBackgroundThreadStartsAndStopsOnRequest) {
    EXPECT_FALSE(background_thread_enabled());
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(set_background_thread(true));
        EXPECT_TRUE(background_thread_enabled());
        ASSERT_TRUE(set_background_thread(true)) << "again is no error";
        for (int n = 0; n < 1000; ++n) deallocate(allocate(static_cast<size_t>(n) * 50));
        ASSERT_TRUE(set_background_thread(false));
        EXPECT_FALSE(background_thread_enabled());
    }
}

TEST_F(Purge, NoBackgroundThreadRunsWhileNoneIsAllowed) {
    const uint32_t most = max_background_threads();
    ASSERT_TRUE(set_background_thread(true));
    EXPECT_GT(background_snapshot().threads, 0U);
    ASSERT_TRUE(set_max_background_threads(0));
    EXPECT_EQ(max_background_threads(), 0U);
    EXPECT_EQ(background_snapshot().threads, 0U);
    ASSERT_TRUE(set_background_thread(false));
    ASSERT_TRUE(set_background_thread(true)) << "no error: it is wanted, for later";
    EXPECT_EQ(background_snapshot().threads, 0U);
    EXPECT_FALSE(set_max_background_threads(most + 1));
    ASSERT_TRUE(set_max_background_threads(most));
    ASSERT_TRUE(set_background_thread(true));
    EXPECT_GT(background_snapshot().threads, 0U);
    ASSERT_TRUE(set_background_thread(false));
}

}  // namespace
}  // namespace granary::core
