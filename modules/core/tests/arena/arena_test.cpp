// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// arena_test.cpp — refill, park, post, large regions; one thread and several.
#include "arena/arena.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "arena/run.hpp"
#include "support/bin_floor.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::kTestArena;
using tests::PageCall;

/// 2 KiB regions: few per run, so that runs come and go.
const unsigned kClass = small_class(2048);

class ArenaTest : public testing::Test, protected tests::PageFloor {
protected:
    ArenaTest() { arena->pages().set_decay(-1, 0, 0); }
    void TearDown() override {
        arena->check_invariants();
        source.check_invariants();
    }

    Magazine* empty_magazine(unsigned size_class = kClass) {
        Magazine* const magazine = magazines.take(metadata);
        magazine->dedicate(kTestArena, size_class);
        return magazine;
    }
    Magazine* refill(unsigned size_class = kClass) {
        Magazine* const empty = empty_magazine(size_class);
        Magazine* const filled = arena->refill(size_class, empty);
        EXPECT_NE(filled, nullptr);
        if (filled != empty)
            magazines.give(empty);
        EXPECT_GT(filled->size(), 0U);
        return filled;
    }
    void deallocate_large(Extent* extent) {
        ASSERT_TRUE(PageMap::retire_head(extent->base, arena->owner_key(), detail::kLargeHead));
        arena->deallocate_large(extent);
    }
    size_t resident() {
        const PageCounts counts = arena->pages().counts();
        return counts.active + counts.dirty + counts.muzzy;
    }

    const std::unique_ptr<Arena> arena =
        std::make_unique<Arena>(kTestArena, source, metadata, magazines);
};

TEST_F(ArenaTest, A1_RegionsLieInPagesOfTheArenaAndTheClass) {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        Magazine* const magazine = refill(c);
        EXPECT_EQ(magazine->arena, kTestArena);
        EXPECT_EQ(magazine->size_class, c);
        for (uint32_t i = 0; i < magazine->size(); ++i) {
            ASSERT_EQ(detail::page_tag(base::address_of(magazine->first()[i])),
                      arena->owner_key() | c);
            std::memset(magazine->first()[i], 0x5a, kSizeClasses[c].size);
        }
        arena->distribute(magazine);
    }
}

TEST_F(ArenaTest, AParkedMagazineIsTheNextRefill) {
    Magazine* const magazine = refill();
    const uint32_t size = magazine->size();
    EXPECT_EQ(arena->park(magazine), nullptr);
    Magazine* const empty = empty_magazine();
    EXPECT_EQ(arena->refill(kClass, empty), magazine);
    EXPECT_EQ(magazine->size(), size);
    EXPECT_EQ(empty->size(), 0U) << "stays with the thread";
}

TEST_F(ArenaTest, PostedMagazinesAreServedByTheNextRefill) {
    Magazine* const first = refill();
    Magazine* const second = refill();
    arena->post(first);
    arena->post(second);
    EXPECT_EQ(arena->bin(kClass).counts().parked, 0U);
    Magazine* const empty = empty_magazine();
    Magazine* const got = arena->refill(kClass, empty);
    EXPECT_TRUE(got == first || got == second);
    EXPECT_GT(arena->bin(kClass).counts().parked, 0U);
}

TEST_F(ArenaTest, A3_AnInboxThatNobodyReadsIsDrainedByItsPosters) {
    for (int i = 0; i < 300; ++i) {
        Magazine* const magazine = empty_magazine();
        magazine->first()[0] = arena->allocate_one(kClass);
        magazine->set_size(1);
        arena->post(magazine);
    }
    EXPECT_LE(arena->bin(kClass).counts().taken - arena->bin(kClass).counts().parked, 129U);
}

TEST_F(ArenaTest, PurgeGivesBackEverythingThatIsFree) {
    std::vector<Magazine*> taken;
    for (int i = 0; i < 200; ++i) {
        taken.push_back(refill(static_cast<unsigned>(i) % kSmallClassCount));
        for (uint32_t r = 0; r < taken.back()->size(); ++r) {
            std::memset(taken.back()->first()[r], 1, kSizeClasses[taken.back()->size_class].size);
        }
    }
    std::vector<void*> large;
    for (size_t pages = 1; pages < 100; ++pages)
        large.push_back(arena->allocate_large(pages, 1, nullptr));
    for (size_t i = 0; i < taken.size(); ++i) {
        if (i % 3 == 0) {
            arena->post(taken[i]);
        } else if (Magazine* const empty = arena->park(taken[i])) {
            magazines.give(empty);
        }
    }
    for (void* region : large) deallocate_large(PageMap::extent_at(base::address_of(region)));
    EXPECT_EQ(arena->large_bytes(), 0U);
    EXPECT_EQ(arena->counts().large_live(), 0U);
    EXPECT_GT(arena->cached_large_bytes(), 0U);
    EXPECT_GT(arena->purge(), 0U);
    EXPECT_EQ(arena->cached_large_bytes(), 0U);
    EXPECT_EQ(resident(), 0U);
    EXPECT_FALSE(arena->has_unpurged());
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        EXPECT_EQ(arena->bin(c).counts().taken, 0U);
        EXPECT_EQ(arena->bin(c).counts().runs, 0U);
    }
    source.purge();
    EXPECT_EQ(source.free_bytes(PageState::dirty), 0U);
}

TEST_F(ArenaTest, BeforeAChunkMoreItTakesBackWhatIsParked) {
    // One chunk, nearly full of one class, all of it parked; another class then needs pages.
    std::vector<Magazine*> taken;
    while (arena->pages().counts().retained + arena->pages().counts().dirty > 40 || taken.empty()) {
        taken.push_back(refill());
    }
    for (Magazine* magazine : taken) {
        if (Magazine* const empty = arena->park(magazine))
            magazines.give(empty);
    }
    const size_t chunks = fake.committed_bytes();
    for (int i = 0; i < 10; ++i) ASSERT_NE(arena->allocate_large(20, 1, nullptr), nullptr);
    EXPECT_EQ(fake.committed_bytes(), chunks);
}

TEST_F(ArenaTest, WhoNeedsTheMemoryAgainAndAgainGetsAChunk) {
    const auto use_all = [&] {
        std::vector<Magazine*> taken;
        for (;;) {
            Magazine* const empty = empty_magazine();
            Magazine* const filled = arena->refill(kClass, empty, Growth::forbidden);
            if (filled != empty)
                magazines.give(empty);
            if (filled == nullptr)
                break;
            taken.push_back(filled);
        }
        return taken;
    };
    const auto park_all = [&](const std::vector<Magazine*>& taken) {
        for (Magazine* magazine : taken) {
            if (Magazine* const empty = arena->park(magazine))
                magazines.give(empty);
        }
    };
    size_t pages = 20;  // another length each time: none is kept
    const auto need_pages = [&] {
        void* const region = arena->allocate_large(pages++, 1, nullptr);
        ASSERT_NE(region, nullptr);
        deallocate_large(PageMap::extent_at(base::address_of(region)));
    };
    need_pages();
    const size_t one_chunk = fake.committed_bytes();
    int looks = 0;
    for (; arena->is_patient(); ++looks) {
        ASSERT_LT(looks, 1000);
        park_all(use_all());
        need_pages();
        ASSERT_EQ(fake.committed_bytes(), one_chunk) << looks;
    }
    EXPECT_GT(looks, 10);
    const std::vector<Magazine*> taken = use_all();
    need_pages();
    EXPECT_GT(fake.committed_bytes(), one_chunk);
    EXPECT_TRUE(arena->is_patient()) << "for the next chunk";
    park_all(taken);
}

TEST_F(ArenaTest, DropAllPassesOverWhatAThreadThatIsGoneWasAboutToDescribe) {
    const auto take = [&] { return arena->pages().allocate(4, 1, nullptr, Growth::allowed); };
    // The page map goes on naming the descriptors of what lay there before.
    Extent* const first = take();
    Extent* const second = take();
    for (Extent* run : {first, second}) {
        PageMap::set_run(run, arena->owner_key(), kClass);
        run::open(*run, kClass);
    }
    const uintptr_t place = first->base;
    for (Extent* run : {first, second}) {
        PageMap::retire_run(run->base, 4, arena->owner_key(), kClass);
        arena->pages().release(run, 0);
    }
    Extent* const half_made = take();
    ASSERT_EQ(half_made->base, place);
    ASSERT_NE(PageMap::extent_at(place), half_made);
    arena->drop_all();
    std::set<Extent*> distinct;
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(distinct.insert(take()).second) << i;
    arena->drop_all();
}

TEST_F(ArenaTest, SingleRegionsForCallersWithoutACache) {
    std::vector<void*> regions;
    for (int i = 0; i < 1000; ++i) {
        regions.push_back(arena->allocate_one(kClass));
        ASSERT_NE(regions.back(), nullptr);
        tests::mark(base::address_of(regions.back()), 2048);
    }
    EXPECT_EQ(arena->bin(kClass).counts().taken, 1000U);
    for (void* region : regions) arena->deallocate_one(kClass, region);
    EXPECT_EQ(arena->bin(kClass).counts().taken, 0U);
    EXPECT_LE(arena->bin(kClass).counts().runs, 1U);
}

TEST_F(ArenaTest, TickAgesBinsAtMostEveryHalfSecond) {
    constexpr uint64_t kSecond = 1'000'000'000;
    arena->tick(kSecond);
    ASSERT_EQ(arena->park(refill()), nullptr);
    arena->tick(kSecond + 1);
    EXPECT_GT(arena->bin(kClass).counts().parked, 0U);
    arena->tick(2 * kSecond);  // it was not there all the time since the last ageing
    EXPECT_GT(arena->bin(kClass).counts().parked, 0U);
    arena->tick(2 * kSecond + 1);
    EXPECT_GT(arena->bin(kClass).counts().parked, 0U);
    arena->tick(3 * kSecond);
    EXPECT_EQ(arena->bin(kClass).counts().parked, 0U);
}

TEST_F(ArenaTest, OutOfMemoryIsSaidAndMemoryThatReturnsIsUsed) {
    fake.fail_after(PageCall::commit, 0);
    Magazine* const empty = empty_magazine();
    EXPECT_EQ(arena->refill(kClass, empty), nullptr);
    EXPECT_EQ(arena->allocate_one(kClass), nullptr);
    EXPECT_EQ(arena->allocate_large(5, 1, nullptr), nullptr);
    EXPECT_EQ(arena->counts().large_live(), 0U);
    fake.heal();
    EXPECT_EQ(arena->refill(kClass, empty), empty);
}

class ArenaLargeTest : public ArenaTest {
protected:
    Extent* allocate(size_t pages, size_t alignment = 1, TouchedPages* touched = nullptr) {
        void* const region = arena->allocate_large(pages, alignment, touched);
        EXPECT_NE(region, nullptr);
        EXPECT_TRUE(base::is_aligned(base::address_of(region), alignment << kPageShift));
        Extent* const extent = PageMap::extent_at(base::address_of(region));
        EXPECT_EQ(extent->kind, ExtentKind::large);
        EXPECT_EQ(extent->bytes, pages << kPageShift);
        return extent;
    }
    void expect_entries(const Extent& extent) {
        EXPECT_EQ(detail::page_tag(extent.base), arena->owner_key() | detail::kLargeHead);
        EXPECT_EQ(detail::find_entry(extent.base)->detail.load(std::memory_order_relaxed),
                  extent.bytes >> kPageShift);
        for (uintptr_t page = extent.base + kPageSize; page < extent.base + extent.bytes;
             page += kPageSize) {
            ASSERT_EQ(detail::page_tag(page), arena->owner_key() | detail::kInterior);
        }
        EXPECT_NE(detail::tag_code(detail::page_tag(extent.base + extent.bytes)), detail::kInterior)
            << "the next region's, or none";
    }
};

TEST_F(ArenaLargeTest, RegionsAreCountedAndNamedInThePageMap) {
    Extent* const a = allocate(3);
    Extent* const b = allocate(100, 4);
    EXPECT_EQ(arena->counts().large_live(), 2U);
    EXPECT_EQ(arena->large_bytes(), 103 * kPageSize);
    expect_entries(*a);
    expect_entries(*b);
    deallocate_large(a);
    deallocate_large(b);
    EXPECT_EQ(arena->counts().large_live(), 0U);
    EXPECT_EQ(arena->large_bytes(), 0U);
}

TEST_F(ArenaLargeTest, TheLastFreedRegionOfALengthIsServedAgain) {
    Extent* const extent = allocate(10);
    const uintptr_t base = extent->base;
    tests::mark(base, 10 * kPageSize);
    deallocate_large(extent);
    EXPECT_EQ(detail::tag_code(detail::page_tag(base)), detail::kFreedHead);
    EXPECT_EQ(arena->cached_large_bytes(), 10 * kPageSize);
    EXPECT_NE(allocate(11)->base, base) << "only for its own length";
    TouchedPages touched;
    Extent* const again = allocate(10, 1, &touched);
    EXPECT_EQ(again->base, base);
    EXPECT_TRUE(touched.bits.all_in_range(touched.first, 10)) << "it is not zero";
    expect_entries(*again);
    EXPECT_EQ(arena->cached_large_bytes(), 0U);
}

TEST_F(ArenaLargeTest, FreedRegionsAreKeptUpToEightMiB) {
    std::vector<Extent*> extents;
    for (size_t pages = 1; pages <= 256; ++pages) extents.push_back(allocate(pages));
    for (Extent* extent : extents) deallocate_large(extent);
    EXPECT_GT(arena->cached_large_bytes(), 4U * 1024 * 1024);
    EXPECT_LE(arena->cached_large_bytes(), 8U * 1024 * 1024);
    arena->age(false);
    EXPECT_EQ(arena->cached_large_bytes(), 0U);
    EXPECT_EQ(arena->pages().counts().active, 0U);
}

TEST_F(ArenaLargeTest, ResizingInPlaceKeepsContentsCountersAndEntries) {
    Extent* const extent = allocate(10);
    tests::mark(extent->base, 10 * kPageSize);
    ASSERT_TRUE(arena->resize_large(extent, 30));
    EXPECT_TRUE(tests::holds(extent->base, 10 * kPageSize, tests::kMark));
    EXPECT_EQ(arena->large_bytes(), 30 * kPageSize);
    expect_entries(*extent);
    ASSERT_TRUE(arena->resize_large(extent, 4));
    EXPECT_EQ(arena->large_bytes(), 4 * kPageSize);
    EXPECT_EQ(arena->pages().counts().active, 4U);
    expect_entries(*extent);
    EXPECT_TRUE(tests::holds(extent->base, 4 * kPageSize, tests::kMark));
    ASSERT_TRUE(arena->resize_large(extent, 4));
    Extent* const wall = allocate(8);
    ASSERT_EQ(wall->base, extent->base + 4 * kPageSize);
    EXPECT_FALSE(arena->resize_large(extent, 5));
    EXPECT_EQ(extent->bytes, 4 * kPageSize);
    EXPECT_EQ(arena->counts().large_live(), 2U);
}

/// Threads refill, hand magazines to each other, park, post, distribute, purge. Every region carries
/// the stamp of who has it, so that a region in two hands is seen at once.
class ArenaThreadsTest : public ArenaTest {
protected:
    static constexpr uint64_t kThreads = 4;
    static constexpr size_t kNobody = 100;
    static constexpr size_t kOnTheirWay = 16;

    void stamp(Magazine* magazine, size_t expected, size_t mine) {
        for (uint32_t i = 0; i < magazine->size(); ++i) {
            auto* word = static_cast<size_t*>(magazine->first()[i]) + 1;
            if (expected != 0 && *word != expected)
                failed_.store(true, std::memory_order_relaxed);
            *word = mine;
        }
    }

    /// Leaves the magazine for somebody, takes another that somebody left; nullptr if there are few.
    Magazine* exchange(Magazine* magazine, uint64_t id, base::Prng& prng) {
        const std::lock_guard lock(exchange_mutex_);
        stamp(magazine, id, kNobody);
        exchange_.push_back(magazine);
        if (exchange_.size() <= kOnTheirWay)
            return nullptr;
        std::swap(exchange_[prng.below(exchange_.size())], exchange_.back());
        magazine = exchange_.back();
        exchange_.pop_back();
        stamp(magazine, kNobody, id);
        return magazine;
    }

    void use_small(uint64_t id, base::Prng& prng) {
        const auto c = small_class(16) + static_cast<unsigned>(prng.below(kSmallClassCount - 2));
        Magazine* magazine = refill(c);
        stamp(magazine, 0, id);
        if (prng.below(4) == 0)
            magazine = exchange(magazine, id, prng);
        if (magazine == nullptr)
            return;
        stamp(magazine, id, id);
        const uint64_t way = prng.below(8);
        if (way < 3) {
            if (Magazine* const spare = arena->park(magazine))
                magazines.give(spare);
        } else if (way < 6) {
            arena->post(magazine);
        } else {
            arena->distribute(magazine);
        }
    }

    void use_large(uint64_t id, base::Prng& prng) {
        auto* const region =
            static_cast<size_t*>(arena->allocate_large(1 + prng.below(30), 1, nullptr));
        Extent* const extent = PageMap::extent_at(base::address_of(region));
        *region = id;
        static_cast<void>(arena->resize_large(extent, 1 + prng.below(30)));
        if (*region != id)
            failed_.store(true, std::memory_order_relaxed);
        deallocate_large(extent);
    }

    void work(uint64_t id, uint64_t seed) {
        base::Prng prng(seed + id);
        for (int i = 0; i < 3000; ++i) {
            use_small(id, prng);
            if (prng.below(4) == 0)
                use_large(id, prng);
            if (prng.below(200) == 0)
                arena->purge();
            if (prng.below(50) == 0)
                arena->age(false);
        }
    }

    std::mutex exchange_mutex_;
    std::vector<Magazine*> exchange_;
    std::atomic<bool> failed_{false};
};

TEST_F(ArenaThreadsTest, NeverHoldTheSameRegion) {
    const uint64_t seed = tests::test_seed(71);
    SCOPED_TRACE(tests::seed_note(seed));
    for (uint64_t phase = 0; phase < 2; ++phase) {
        std::vector<std::thread> threads;
        for (uint64_t t = 1; t <= kThreads; ++t) {
            threads.emplace_back([this, t, phase, seed] { work(t, seed + phase * kThreads); });
        }
        for (std::thread& thread : threads) thread.join();
        ASSERT_FALSE(failed_.load(std::memory_order_relaxed));
        arena->check_invariants();
        for (Magazine* magazine : exchange_) {
            stamp(magazine, kNobody, kNobody);
            arena->distribute(magazine);
        }
        exchange_.clear();
        ASSERT_FALSE(failed_.load(std::memory_order_relaxed));
        arena->purge();
        for (unsigned c = 0; c < kSmallClassCount; ++c) {
            ASSERT_EQ(arena->bin(c).counts().taken, 0U) << c;
            ASSERT_EQ(arena->bin(c).counts().runs, 0U) << c;
        }
        ASSERT_EQ(arena->counts().large_live(), 0U);
        ASSERT_EQ(resident(), 0U);
    }
}

}  // namespace
}  // namespace granary::core
