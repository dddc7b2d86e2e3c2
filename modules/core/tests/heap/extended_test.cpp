// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extended_test.cpp — requests with alignment, zeroing, arenas and explicit thread caches.
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "granary/core/extended.hpp"
#include "support/heap_fixture.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::all_zero;
using tests::fill;
using tests::keeps;
using tests::kKiB;
using tests::kMiB;

class Extended : public tests::HeapFixture {};
class ExtendedInArena : public tests::HeapFixture {
protected:
    unsigned arena_ = create_arena();
};

const std::vector<size_t> kSizes{0,         1,         8,        100,        4 * kKiB, 5000,
                                 14 * kKiB, 33 * kKiB, 70 * kKiB, 900 * kKiB, 3 * kMiB};

TEST_F(Extended, SizesAreWhatTheyAreSaidToBe) {
    for (const size_t size : kSizes) {
        for (size_t alignment = 1; alignment <= 4 * kMiB; alignment *= 2) {
            for (const bool zero : {false, true}) {
                const Request request{.alignment = alignment, .zero = zero};
                void* const region = allocate_with(size, request);
                ASSERT_NE(region, nullptr);
                ASSERT_EQ(base::address_of(region) % alignment, 0U);
                ASSERT_EQ(usable_size(region), size_with(size, request)) << size << " " << alignment;
                ASSERT_GE(usable_size(region), size);
                ASSERT_TRUE(!zero || all_zero(region, usable_size(region))) << size;
                std::memset(region, 0xa5, usable_size(region));
                deallocate_sized_with(region, size, request);
            }
        }
    }
}

TEST_F(Extended, NoAddressSpaceHoldsSomeSizesAndAlignments) {
    EXPECT_EQ(size_with(kMaxSize + 1, {}), 0U);
    EXPECT_EQ(allocate_with(kMaxSize + 1, {}), nullptr);
    EXPECT_EQ(size_with(1, {.alignment = size_t{1} << 63}), 0U);
    EXPECT_EQ(allocate_with(1, {.alignment = size_t{1} << 63}), nullptr);
    EXPECT_EQ(allocate_with(1, {.alignment = size_t{1} << 62, .zero = true}), nullptr);
    EXPECT_EQ(allocate_with(kMaxSize + 1, {.cache = kNoCache}), nullptr);
}

TEST_F(Extended, ReallocationKeepsContentsAlignmentAndZeroes) {
    base::Prng prng(tests::test_seed(7));
    for (int i = 0; i < 3000; ++i) {
        const Request request{.alignment = size_t{1} << prng.below(15),
                              .zero = true,
                              .cache = prng.below(2) != 0 ? kAutomaticCache : kNoCache};
        const size_t old_size = prng.below(i % 50 == 0 ? 4 * kMiB : 60 * kKiB);
        const size_t size = prng.below(i % 50 == 0 ? 4 * kMiB : 60 * kKiB);
        void* region = allocate_with(old_size, request);
        const size_t old_usable = usable_size(region);
        fill(region, old_usable, 3);
        region = reallocate_with(region, size, request);
        ASSERT_NE(region, nullptr);
        ASSERT_EQ(base::address_of(region) % request.alignment, 0U);
        const size_t usable = usable_size(region);
        ASSERT_EQ(usable, size_with(size, request)) << old_size << " to " << size;
        ASSERT_TRUE(keeps(region, std::min(old_usable, size), 3));
        if (usable > old_usable) {
            ASSERT_TRUE(all_zero(static_cast<char*>(region) + old_usable, usable - old_usable));
        }
        std::memset(region, 0xa5, usable);
        deallocate_sized_with(region, size, request);
    }
}

TEST_F(Extended, ReallocationThatFailsLeavesTheRegionAlone) {
    void* const region = allocate_with(100, {});
    fill(region, 100, 1);
    EXPECT_EQ(reallocate_with(region, kMaxSize + 1, {}), nullptr);
    EXPECT_EQ(reallocate_with(region, 100, {.alignment = size_t{1} << 63}), nullptr);
    EXPECT_TRUE(keeps(region, 100, 1));
    deallocate(region);
}

TEST_F(Extended, ReallocationOfNothingAllocates) {
    void* const region = reallocate_with(nullptr, 100, {.zero = true});
    EXPECT_TRUE(all_zero(region, 100));
    deallocate_with(region, kNoCache);
}

TEST_F(Extended, ResizingInPlaceNeverMovesAndSaysWhatItDid) {
    base::Prng prng(tests::test_seed(9));
    for (int i = 0; i < 3000; ++i) {
        const Request request{.zero = true};
        void* const region = allocate_with(prng.below(i % 20 == 0 ? 6 * kMiB : 200 * kKiB), request);
        const size_t old_usable = usable_size(region);
        fill(region, old_usable, 5);
        const size_t size = prng.below(i % 20 == 0 ? 6 * kMiB : 200 * kKiB);
        const size_t extra = prng.below(2) != 0 ? prng.below(100 * kKiB) : 0;
        const size_t usable = resize_with(region, size, extra, request);
        ASSERT_EQ(usable, usable_size(region));
        ASSERT_TRUE(usable == old_usable || usable == size_with(size, request) ||
                    usable == size_with(size + extra, request));
        ASSERT_TRUE(keeps(region, std::min(old_usable, usable), 5));
        if (usable > old_usable) {
            ASSERT_TRUE(all_zero(static_cast<char*>(region) + old_usable, usable - old_usable));
        }
        deallocate_sized_with(region, usable, request);
    }
}

TEST_F(Extended, ResizingInPlaceGrowsAndShrinksPages) {
    void* const large = allocate_with(100 * kKiB, {});
    EXPECT_EQ(resize_with(large, 50 * kKiB, 0, {}), 52 * kKiB);
    EXPECT_EQ(resize_with(large, 100 * kKiB, 0, {}), 100 * kKiB) << "its own tail is free";
    EXPECT_EQ(resize_with(large, 100, 0, {}), 100 * kKiB) << "would be small";
    EXPECT_EQ(resize_with(large, 10 * kMiB, 0, {}), 100 * kKiB) << "would be huge";
    EXPECT_EQ(resize_with(large, 100 * kKiB, SIZE_MAX, {}), 100 * kKiB) << "the sum overflows";
    EXPECT_EQ(resize_with(large, SIZE_MAX, 0, {}), 100 * kKiB);
    EXPECT_EQ(resize_with(large, 100 * kKiB, 0, {.alignment = 64 * kMiB}), 100 * kKiB);
    deallocate(large);
    void* const huge = allocate_with(9 * kMiB, {});
    EXPECT_EQ(resize_with(huge, 3 * kMiB, 0, {}), 3 * kMiB);
    EXPECT_EQ(resize_with(huge, 8 * kMiB, kMiB, {}), 9 * kMiB);
    deallocate(huge);
    void* const small = allocate_with(100, {});
    EXPECT_EQ(resize_with(small, 10, 1000, {}), 112U);
    EXPECT_EQ(resize_with(small, 110, 0, {}), 112U);
    EXPECT_EQ(resize_with(nullptr, 1, 1, {}), 0U);
    deallocate(small);
}

TEST_F(Extended, NullIsHarmless) {
    deallocate_with(nullptr, kNoCache);
    deallocate_with(nullptr, kAutomaticCache);
    deallocate_sized_with(nullptr, 10, {.alignment = 8, .cache = kNoCache});
}

TEST_F(Extended, WithoutCacheRegionsGoStraightBack) {
    void* const region = allocate_with(3000, {.cache = kNoCache});
    deallocate_with(region, kNoCache);
    // The same address is free in its run: the fullest run's lowest region comes next.
    void* const again = allocate_with(3000, {.cache = kNoCache});
    EXPECT_EQ(again, region);
    deallocate_with(again, kNoCache);
}

TEST_F(Extended, CountersSeeEveryKindOfCall) {
    std::thread([] {
        const unsigned cache = create_tcache();
        const uint64_t* const in = thread_allocated_counter();
        const uint64_t* const out = thread_deallocated_counter();
        uint64_t made = *in;
        uint64_t freed = *out;
        for (const unsigned via : {kAutomaticCache, kNoCache, cache}) {
            for (const size_t size : kSizes) {
                const Request request{.alignment = 64, .zero = true, .cache = via};
                void* region = allocate_with(size, request);
                made += usable_size(region);
                ASSERT_EQ(*in, made) << size;
                const size_t before = usable_size(region);
                void* const moved = reallocate_with(region, size + 5000, request);
                if (moved != region || usable_size(moved) != before) {
                    made += usable_size(moved);
                    freed += before;
                }
                ASSERT_EQ(*in, made) << size;
                ASSERT_EQ(*out, freed) << size;
                freed += usable_size(moved);
                deallocate_with(moved, via);
                ASSERT_EQ(*out, freed) << size;
            }
        }
        EXPECT_TRUE(destroy_tcache(cache));
    }).join();
}

TEST_F(ExtendedInArena, EveryRegionComesFromIt) {
    std::vector<void*> regions;
    for (const size_t size : kSizes) {
        for (size_t alignment = 1; alignment <= 4 * kMiB; alignment *= 8) {
            const Request request{.alignment = alignment, .zero = true, .arena = arena_};
            regions.push_back(allocate_with(size, request));
            ASSERT_EQ(arena_of_pointer(regions.back()), arena_);
            ASSERT_TRUE(all_zero(regions.back(), usable_size(regions.back())));
            ASSERT_EQ(usable_size(regions.back()), size_with(size, request));
            std::memset(regions.back(), 1, usable_size(regions.back()));
        }
    }
    HeapSnapshot one;
    ASSERT_TRUE(take_arena_snapshot(arena_, one));
    size_t bytes = 0;
    for (void* region : regions) bytes += usable_size(region);
    EXPECT_EQ(one.allocated, bytes);
    for (size_t i = 0; i < regions.size(); ++i)
        deallocate_with(regions[i], i % 2 == 0 ? kNoCache : kAutomaticCache);
}

TEST_F(ExtendedInArena, LeavesTheThreadsCacheAlone) {
    void* const region = allocate_with(100, {.arena = arena_});
    deallocate_with(region, kNoCache);
    void* const own = allocate(100);
    EXPECT_NE(arena_of_pointer(own), arena_);
    deallocate(own);
}

TEST_F(ExtendedInArena, UnknownOnesHaveNoMemory) {
    EXPECT_EQ(allocate_with(1, {.arena = arena_count()}), nullptr);
    EXPECT_EQ(allocate_with(kMiB, {.zero = true, .arena = 4094}), nullptr);
}

class ExplicitCaches : public ExtendedInArena {};

TEST_F(ExplicitCaches, HaveNumbersThatAreUsedAgain) {
    const unsigned first = create_tcache();
    const unsigned second = create_tcache();
    ASSERT_NE(first, kNoIndex);
    ASSERT_NE(second, first);
    EXPECT_TRUE(flush_tcache(first));
    EXPECT_TRUE(destroy_tcache(first));
    EXPECT_FALSE(destroy_tcache(first));
    EXPECT_FALSE(flush_tcache(first));
    EXPECT_EQ(create_tcache(), first);
    EXPECT_TRUE(destroy_tcache(first));
    EXPECT_TRUE(destroy_tcache(second));
    EXPECT_FALSE(destroy_tcache(4093));
    EXPECT_FALSE(destroy_tcache(kNoIndex));
}

TEST_F(ExplicitCaches, CanBe4094) {
    std::vector<unsigned> made;
    for (;;) {
        const unsigned number = create_tcache();
        if (number == kNoIndex)
            break;
        made.push_back(number);
        ASSERT_LE(made.size(), 4094U);
    }
    EXPECT_EQ(made.size(), 4094U);
    EXPECT_EQ(made.back(), 4093U);
    void* const region = allocate_with(64, {.cache = 4093});
    deallocate_with(region, 4093);
    EXPECT_EQ(allocate_with(64, {.cache = 4093}), region);
    deallocate_with(region, 4093);
    for (const unsigned number : made) ASSERT_TRUE(destroy_tcache(number));
}

TEST_F(ExplicitCaches, GiveOutWhatTheyGotAndStayBounded) {
    const unsigned cache = create_tcache();
    const Request request{.arena = arena_, .cache = cache};
    std::vector<void*> regions;
    for (int i = 0; i < 1000; ++i) {
        regions.push_back(allocate_with(64, request));
        ASSERT_EQ(arena_of_pointer(regions.back()), arena_);
    }
    for (void* region : regions) deallocate_with(region, cache);
    EXPECT_EQ(allocate_with(64, request), regions.back());
    deallocate_with(regions.back(), cache);
    check_invariants();
    HeapSnapshot one;
    ASSERT_TRUE(take_arena_snapshot(arena_, one));
    EXPECT_EQ(one.allocated, 0U);
    EXPECT_TRUE(flush_tcache(cache));
    ASSERT_TRUE(purge_arena(arena_));
    ASSERT_TRUE(take_arena_snapshot(arena_, one));
    EXPECT_EQ(one.cached, 0U);
    EXPECT_EQ(one.active, 0U);
    EXPECT_TRUE(destroy_tcache(cache));
}

TEST_F(ExplicitCaches, NeverGiveAnotherArenasRegions) {
    const unsigned cache = create_tcache();
    const unsigned other = create_arena();
    for (int i = 0; i < 200; ++i) {
        const unsigned arena = i % 3 == 0 ? arena_ : other;
        void* const region = allocate_with(48, {.arena = arena, .cache = cache});
        ASSERT_EQ(arena_of_pointer(region), arena);
        deallocate_with(region, cache);
    }
    EXPECT_TRUE(destroy_tcache(cache));
}

TEST_F(ExplicitCaches, ServeAsNoneWhenDestroyed) {
    const unsigned cache = create_tcache();
    void* const region = allocate_with(48, {.cache = cache});
    EXPECT_TRUE(destroy_tcache(cache));
    deallocate_with(region, cache);
    void* const again = allocate_with(48, {.cache = cache});
    ASSERT_NE(again, nullptr);
    deallocate_with(again, cache);
}

TEST_F(ExplicitCaches, CanBeSharedByThreads) {
    const unsigned cache = create_tcache();
    std::vector<std::thread> team;
    for (unsigned t = 0; t < 4; ++t) {
        team.emplace_back([&, t] {
            base::Prng prng(t);
            std::vector<std::pair<void*, size_t>> live;
            for (int i = 0; i < 5000; ++i) {
                if (live.size() < 40 || prng.below(2) == 0) {
                    const size_t size = 1 + prng.below(3000);
                    void* const region = allocate_with(
                        size, {.arena = prng.below(2) != 0 ? arena_ : kNoIndex, .cache = cache});
                    fill(region, size, t);
                    live.emplace_back(region, size);
                } else {
                    const auto [region, size] = live.back();
                    live.pop_back();
                    ASSERT_TRUE(keeps(region, size, t));
                    deallocate_with(region, prng.below(3) != 0 ? cache : kAutomaticCache);
                }
            }
            for (const auto& [region, size] : live) deallocate_with(region, cache);
        });
    }
    for (std::thread& thread : team) thread.join();
    check_invariants();
    EXPECT_TRUE(destroy_tcache(cache));
}

using ExplicitCachesDeathTest = ExplicitCaches;

TEST_F(ExplicitCachesDeathTest, NoticeADoubleFree) {
    const unsigned cache = create_tcache();
    void* const region = allocate_with(64, {.cache = cache});
    EXPECT_DEATH(
        {
            deallocate_with(region, cache);
            deallocate_with(region, cache);
        },
        "double free of 0x[0-9a-f]+ \\(size class 64\\)");
    EXPECT_DEATH(
        {
            deallocate_with(region, kNoCache);
            deallocate_with(region, kNoCache);
        },
        "double free of 0x[0-9a-f]+ \\(size class 64\\)");
    EXPECT_DEATH(deallocate_sized_with(region, 65, {}), "sized free of .* its size class is 64");
    EXPECT_DEATH(deallocate_sized_with(region, 64, {.alignment = 128}), "sized free of");
    deallocate_with(region, cache);
    EXPECT_TRUE(destroy_tcache(cache));
}

}  // namespace
}  // namespace granary::core
