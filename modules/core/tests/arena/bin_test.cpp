// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bin_test.cpp — refill, park, distribute, age; hand cases.
#include "arena/bin.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/bin_floor.hpp"

namespace granary::core {
namespace {

using tests::BinFloor;

class BinTest : public testing::Test, protected BinFloor {
protected:
    BinTest() : BinFloor(small_class(512)) {}
    void TearDown() override { bin.check_invariants(); }

    [[nodiscard]] size_t capacity() const { return shape().magazine_capacity; }
    [[nodiscard]] size_t per_run() const { return shape().run_regions; }
    Magazine* full() { return pack(take(capacity())); }
    static uintptr_t run_base(const void* region) {
        return PageMap::extent_at(base::address_of(region))->base;
    }
    void release_everything(const std::vector<void*>& regions) {
        give(regions);
        ExtentList released;
        Magazine* empties = nullptr;
        bin.age(true, released, empties);
        EXPECT_EQ(drop(released), 1U);
    }
};

TEST_F(BinTest, NeedsARunBeforeItCanServe) {
    Magazine* const empty = empty_magazine();
    EXPECT_EQ(bin.refill(empty), nullptr);
    EXPECT_EQ(bin.take_one(), nullptr);
    EXPECT_EQ(bin.take_parked(), nullptr);
    ASSERT_TRUE(bin.adopt(make_run()));
    EXPECT_EQ(bin.refill(empty), empty);
    EXPECT_GT(empty->size(), 0U);
}

TEST_F(BinTest, HasOneRunToCarveFromAtATime) {
    ASSERT_TRUE(bin.adopt(make_run()));
    EXPECT_FALSE(bin.adopt(make_run()));
    EXPECT_EQ(bin.counts().runs, 1U);
}

TEST_F(BinTest, TheLowestAddressComesOutOfAMagazineFirst) {
    const Magazine* magazine = refill();
    const auto* slots = const_cast<Magazine*>(magazine)->first();
    EXPECT_TRUE(std::is_sorted(slots, slots + magazine->size(), std::greater<>()));
    EXPECT_EQ(base::address_of(slots[magazine->size() - 1]), run_base(slots[0]));
}

TEST_F(BinTest, CarvesAPageAtATimeSoThatUnaskedMemoryStaysUntouched) {
    EXPECT_EQ(refill()->size(), std::max<size_t>(kPageSize / shape().size, 8));
}

TEST_F(BinTest, FreedRegionsAreUsedBeforeFreshOnes) {
    const auto regions = take(20);
    give({regions[3], regions[11]});
    Magazine* const magazine = refill();
    EXPECT_EQ(magazine->first()[magazine->size() - 1], regions[3]);
    EXPECT_EQ(magazine->first()[magazine->size() - 2], regions[11]);
    EXPECT_EQ(bin.counts().taken, 18U + magazine->size());
}

TEST_F(BinTest, TheFullestRunServesFirst) {
    const auto regions = take(3 * per_run());
    // Three runs, carved up; the second has the fewest free regions.
    give({regions[0], regions[1], regions[2], regions[3], regions[4]});
    give({regions[per_run()]});
    give({regions[2 * per_run()], regions[2 * per_run() + 1], regions[2 * per_run() + 2]});
    EXPECT_EQ(bin.take_one(), regions[per_run()]);
    EXPECT_EQ(bin.take_one(), regions[2 * per_run()]);
}

TEST_F(BinTest, ParkedMagazinesComeBackWholeNewestFirst) {
    Magazine* const first = full();
    Magazine* const second = full();
    ExtentList released;
    EXPECT_EQ(bin.park(first, released), nullptr);
    EXPECT_EQ(bin.park(second, released), nullptr);
    EXPECT_EQ(bin.counts().parked, 2 * capacity());
    EXPECT_EQ(bin.parked_bytes(), 2 * capacity() * shape().size);
    const size_t flushes = bin.counts().flushes;
    Magazine* const empty = empty_magazine();
    EXPECT_EQ(bin.refill(empty), second);
    EXPECT_EQ(bin.take_parked(), first);
    EXPECT_EQ(bin.counts().flushes, flushes) << "no region was looked at";
    EXPECT_EQ(first->size(), capacity());
}

TEST_F(BinTest, OverTheLimitTheColdestMagazineIsDistributed) {
    ExtentList released;
    Magazine* const coldest = full();
    ASSERT_EQ(bin.park(coldest, released), nullptr);
    for (int i = 1; i < 8; ++i) ASSERT_EQ(bin.park(full(), released), nullptr);
    Magazine* const newest = full();
    EXPECT_EQ(bin.park(newest, released), coldest);
    EXPECT_EQ(coldest->size(), 0U);
    EXPECT_EQ(bin.counts().parked, 8 * capacity());
    EXPECT_EQ(bin.counts().flushes, 1U);
    EXPECT_EQ(bin.take_parked(), newest);
    drop(released);
}

TEST_F(BinTest, TheLimitDoublesWhenWhatWasDistributedIsWantedAgain) {
    ExtentList released;
    std::vector<Magazine*> distributed;
    auto park_until_distributed = [&] {
        size_t parked = 0;
        while (bin.park(full(), released) == nullptr) ++parked;
        return parked;
    };
    auto drain = [&] {
        while (bin.take_parked() != nullptr) {
        }
    };
    EXPECT_EQ(park_until_distributed(), 8U);
    drain();
    EXPECT_EQ(park_until_distributed(), 16U);
    drain();
    drain();  // nothing was distributed since: no reason to grow
    size_t most = 16;
    for (int i = 0; i < 10; ++i) {
        most = park_until_distributed();
        drain();
    }
    const size_t by_bytes = 1024 * 1024 / (capacity() * shape().size);
    EXPECT_EQ(most, std::clamp<size_t>(by_bytes, 8, 512)) << "1 MiB at most";
    // Ageing everything halves it.
    ASSERT_EQ(bin.park(full(), released), nullptr);
    Magazine* empties = nullptr;
    bin.age(true, released, empties);
    EXPECT_EQ(park_until_distributed(), std::max<size_t>(most / 2, 8));
    drop(released);
}

TEST_F(BinTest, B3_OneEmptyRunIsKeptAndFurtherOnesAreReleased) {
    const auto regions = take(3 * per_run());
    const auto run = [&](size_t i) {
        return std::vector<void*>(regions.begin() + static_cast<ptrdiff_t>(i * per_run()),
                                  regions.begin() + static_cast<ptrdiff_t>((i + 1) * per_run()));
    };
    EXPECT_EQ(give(run(0)), 0U);
    EXPECT_EQ(bin.counts().runs, 3U);
    EXPECT_EQ(give(run(1)), 1U);
    EXPECT_EQ(give(run(2)), 1U);
    EXPECT_EQ(bin.counts().runs, 1U);
    EXPECT_EQ(bin.counts().taken, 0U);
    EXPECT_EQ(pages.counts().active, shape().run_pages);
    EXPECT_EQ(take(1)[0], regions[0]) << "the kept one serves again";
}

TEST_F(BinTest, ARunThatIsBeingCarvedMayBeReleasedToo) {
    const auto regions = take(per_run() + 3);
    const std::vector<void*> first(regions.begin(),
                                   regions.begin() + static_cast<ptrdiff_t>(per_run()));
    const std::vector<void*> second(regions.begin() + static_cast<ptrdiff_t>(per_run()),
                                    regions.end());
    EXPECT_EQ(give(first), 0U);
    EXPECT_EQ(give(second), 1U);
    EXPECT_EQ(pages.counts().dirty, 1U) << "three regions of 512 bytes touch one page";
    EXPECT_TRUE(bin.adopt(make_run())) << "there is no current run now";
}

TEST_F(BinTest, AgeDistributesOnlyWhatLayUntouched) {
    ExtentList released;
    Magazine* empties = nullptr;
    for (int i = 0; i < 5; ++i) ASSERT_EQ(bin.park(full(), released), nullptr);
    bin.age(false, released, empties);
    EXPECT_EQ(empties, nullptr) << "all of them are new";
    Magazine* const a = bin.take_parked();
    Magazine* const b = bin.take_parked();
    ASSERT_EQ(bin.park(a, released), nullptr);
    ASSERT_EQ(bin.park(b, released), nullptr);
    bin.age(false, released, empties);
    EXPECT_EQ(bin.counts().parked, 2 * capacity()) << "three of five were never taken";
    size_t emptied = 0;
    for (Magazine* at = empties; at != nullptr; at = at->next) emptied += at->size() == 0 ? 1 : 0;
    EXPECT_EQ(emptied, 3U);
    drop(released);
}

TEST_F(BinTest, AgeLetsTheEmptyRunGoAfterItLayThroughOne) {
    give(take(3));
    ExtentList released;
    Magazine* empties = nullptr;
    bin.age(false, released, empties);
    EXPECT_EQ(bin.counts().runs, 1U);
    bin.age(false, released, empties);
    EXPECT_EQ(bin.counts().runs, 0U);
    EXPECT_EQ(drop(released), 1U);
}

TEST_F(BinTest, AgeOfEverythingLeavesNothing) {
    ExtentList released;
    Magazine* empties = nullptr;
    for (int i = 0; i < 6; ++i) ASSERT_EQ(bin.park(full(), released), nullptr);
    bin.age(true, released, empties);
    drop(released);
    EXPECT_EQ(bin.counts().runs, 0U);
    EXPECT_EQ(bin.counts().taken, 0U);
    EXPECT_EQ(pages.counts().active, 0U);
}

TEST_F(BinTest, AgeLetsARunGoThatWasAdoptedAndThenNotNeeded) {
    const auto regions = take(per_run());
    give(std::vector<void*>(regions.begin(), regions.begin() + 20));
    ASSERT_TRUE(bin.adopt(make_run()));  // as by a thread that found the bin empty a moment ago
    Magazine* const magazine = refill();
    ExtentList released;
    bin.distribute(magazine, released);
    give(std::vector<void*>(regions.begin() + 20, regions.end()));
    Magazine* empties = nullptr;
    bin.age(true, released, empties);
    EXPECT_EQ(drop(released), 2U);
    EXPECT_EQ(bin.counts().runs, 0U);
    EXPECT_EQ(pages.counts().active, 0U);
}

TEST_F(BinTest, CountsRunsFillsAndFlushes) {
    Magazine* const magazine = refill();
    EXPECT_EQ(bin.counts().runs_made, 1U);
    EXPECT_EQ(bin.counts().fills, 1U);
    EXPECT_EQ(bin.counts().nonfull_runs, 0U) << "nothing of it was given back yet";
    ExtentList released;
    bin.distribute(magazine, released);
    EXPECT_EQ(bin.counts().flushes, 1U);
    EXPECT_EQ(bin.counts().nonfull_runs, 1U);
    EXPECT_EQ(magazine->size(), 0U);
}

TEST_F(BinTest, KnowsWhetherARegionIsFree) {
    const auto regions = take(2);
    EXPECT_FALSE(bin.is_free(regions[0]));
    give({regions[0]});
    EXPECT_TRUE(bin.is_free(regions[0]));
}

using BinDeathTest = BinTest;

TEST_F(BinDeathTest, DistributingARegionTwiceNamesTheDoubleFree) {
    const auto regions = take(3);
    Magazine* const magazine = pack({regions[0], regions[1], regions[0]});
    ExtentList released;
    EXPECT_DEATH(bin.distribute(magazine, released), tests::double_free_line(regions[0], 512));
}

TEST_F(BinDeathTest, ADoubleFreeIsFoundAfterTheRunWasReleased) {
    const auto regions = take(per_run() + 1);
    const std::vector<void*> first(regions.begin(),
                                   regions.begin() + static_cast<ptrdiff_t>(per_run()));
    give({regions[per_run()]});
    ASSERT_EQ(give(first), 1U);
    ExtentList released;
    EXPECT_DEATH(bin.give_one(regions[5], released), tests::double_free_line(regions[5], 512));
}

TEST_F(BinDeathTest, ADoubleFreeIsFoundAfterTheChunkWasGivenBack) {
    // One chunk is full, so that the run lies in a second one, which goes back when it is empty.
    Extent* const wall = pages.allocate(kChunkPages, 1, nullptr, Growth::allowed);
    const auto regions = take(per_run());
    release_everything(regions);
    pages.purge();  // clears the chunk's entries
    ASSERT_EQ(detail::page_tag(base::address_of(regions[0])), 0U);
    // The descriptor serves another run of the class, elsewhere.
    pages.trim(wall, 8);
    take(per_run());
    ExtentList released;
    EXPECT_DEATH(bin.give_one(regions[0], released), tests::double_free_line(regions[0], 512));
    EXPECT_DEATH(bin.give_one(regions[2], released), tests::double_free_line(regions[2], 512));
}

TEST_F(BinDeathTest, ADoubleFreeIsFoundAfterThePagesBecameAnotherArenasRun) {
    const auto regions = take(3);
    release_everything(regions);
    Extent* const run = make_run();
    ASSERT_EQ(run->base, base::address_of(regions[0]));
    run::open(*run, size_class);
    void* theirs = nullptr;
    run::carve(*run, &theirs, 1);
    run->arena = tests::kTestArena + 1;
    PageMap::set_run(run, detail::owner_key(tests::kTestArena + 1), size_class);
    Magazine* const magazine = pack({regions[0]});
    ExtentList released;
    EXPECT_DEATH(bin.distribute(magazine, released), tests::double_free_line(regions[0], 512));
}

TEST(ShiftedRunDeathTest, ADoubleFreeIsFoundAfterThePagesBecameAShiftedRun) {
    BinFloor floor(small_class(80));
    const auto regions = floor.take(100);
    floor.give(regions);
    ExtentList released;
    Magazine* empties = nullptr;
    floor.bin.age(true, released, empties);
    ASSERT_EQ(floor.drop(released), 1U);
    // A page is in use now where the old run began, and the new run begins behind it.
    ASSERT_NE(floor.pages.allocate(1, 1, nullptr, Growth::allowed), nullptr);
    const auto others = floor.take(100);
    ASSERT_EQ(base::address_of(others[0]), base::address_of(regions[0]) + kPageSize);
    void* const stale = regions[60];  // inside the new run, but between its regions
    ASSERT_GT(stale, others[0]);
    EXPECT_DEATH(floor.bin.give_one(stale, released), tests::double_free_line(stale, 80));
}

TEST_F(BinDeathTest, B2_AParkedRegionThatIsFreeInItsRunIsFound) {
    const auto regions = take(2);
    ExtentList released;
    ASSERT_EQ(bin.park(pack(regions), released), nullptr);
    give({regions[0]});
    EXPECT_DEATH(bin.check_invariants(),
                 "^<granary>: bin: parked region is free in its run \\[B2\\]\n$");
    ASSERT_NE(bin.take_parked(), nullptr);
}

}  // namespace
}  // namespace granary::core
