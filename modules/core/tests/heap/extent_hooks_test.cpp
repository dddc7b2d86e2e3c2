// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_hooks_test.cpp — arenas whose memory comes from hooks that keep books.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

#include "granary/core/extended.hpp"
#include "support/counting_hooks.hpp"
#include "support/heap_fixture.hpp"
#include "support/huge_fixture.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::all_zero;
using tests::CountingHooks;
using tests::fill;
using tests::HookKind;
using tests::keeps;
using tests::kKiB;
using tests::kMiB;

/// A region's beginning and its last byte say whose it is.
void stamp(void* region, size_t size, unsigned tag) {
    static_cast<unsigned char*>(region)[size - 1] = static_cast<unsigned char>(tag);
    fill(region, std::min(size - 1, 4 * kKiB), tag);
}
bool is_stamped(const void* region, size_t size, size_t kept, unsigned tag) {
    return keeps(region, std::min({size - 1, kept, 4 * kKiB}), tag) &&
           (kept < size ||
            static_cast<const unsigned char*>(region)[size - 1] == static_cast<unsigned char>(tag));
}

class Hooks : public tests::HeapFixture {
protected:
    struct Live {
        void* region;
        size_t size;
        unsigned tag;
    };

    [[nodiscard]] bool alloc(size_t size, bool zero = false) {
        const Request request{.zero = zero, .arena = arena_};
        void* const region = allocate_with(size, request);
        if (region == nullptr)
            return false;
        EXPECT_TRUE(hooks_.has(region, usable_size(region))) << "not given by alloc";
        EXPECT_EQ(arena_of_pointer(region), arena_);
        EXPECT_TRUE(!zero || all_zero(region, usable_size(region)));
        live_.push_back({region, size, static_cast<unsigned>(live_.size())});
        stamp(region, size, live_.back().tag);
        return true;
    }
    void free_at(size_t i) {
        const Live victim = live_[i];
        live_[i] = live_.back();
        live_.pop_back();
        EXPECT_TRUE(is_stamped(victim.region, victim.size, victim.size, victim.tag));
        deallocate_with(victim.region, kNoCache);
    }
    void free_all() {
        while (!live_.empty()) free_at(0);
    }
    /// Random requests of every kind; everything is live or freed, never lost.
    void churn(uint64_t seed, int operations) {
        base::Prng prng(seed);
        for (int i = 0; i < operations; ++i) {
            const uint64_t what = prng.below(100);
            if (what < 55 || live_.empty()) {
                const size_t limit = what < 4 ? 9 * kMiB : what < 20 ? 300 * kKiB : 4 * kKiB;
                static_cast<void>(alloc(prng.below(limit) + 1, prng.below(4) == 0));
            } else if (what < 90) {
                free_at(prng.below(live_.size()));
            } else if (what < 97) {
                resize(prng.below(live_.size()), prng.below(9 * kMiB) + 1);
            } else if (what < 98) {
                purge_arena(arena_);
            } else if (what < 99) {
                decay_arena(arena_);
                maintain();
            } else {
                flush_thread_cache();
            }
        }
    }
    void resize(size_t i, size_t size) {
        Live& it = live_[i];
        void* const region = reallocate_with(it.region, size, {.arena = arena_});
        if (region == nullptr)
            return;
        EXPECT_TRUE(hooks_.has(region, size));
        EXPECT_TRUE(is_stamped(region, it.size, size, it.tag));
        it = {region, size, it.tag};
        stamp(region, size, it.tag);
    }
    void make_arena() {
        arena_ = create_arena(hooks_.table());
        ASSERT_NE(arena_, kNoIndex);
    }
    void TearDown() override {
        free_all();
        if (arena_ != kNoIndex) {
            ASSERT_TRUE(destroy_arena(arena_));
            EXPECT_EQ(hooks_.extents(), 0U);
        }
        HeapFixture::TearDown();
    }

    CountingHooks hooks_;
    unsigned arena_ = kNoIndex;
    std::vector<Live> live_;
};

TEST_F(Hooks, GiveEveryByteOfTheirArena) {
    make_arena();
    EXPECT_EQ(extent_hooks_of(arena_), hooks_.table());
    for (const size_t size : {size_t{1}, size_t{500}, 40 * kKiB, 900 * kKiB, 3 * kMiB, 12 * kMiB}) {
        for (const bool zero : {false, true}) ASSERT_TRUE(alloc(size, zero));
    }
    EXPECT_GT(hooks_.calls(HookKind::alloc), 0U);
}

TEST_F(Hooks, AreAskedWithinTheBoundsOfTheirExtents) {
    make_arena();
    churn(tests::test_seed(21), 4000);
    check_invariants();
    free_all();
    purge_arena(arena_);
    EXPECT_GT(hooks_.calls(HookKind::split), 0U);
    EXPECT_GT(hooks_.calls(HookKind::merge), 0U);
    EXPECT_GT(hooks_.calls(HookKind::dalloc), 0U);
}

/// One kind of call refused from the start, or some way in.
class RefusingHooks : public Hooks, public testing::WithParamInterface<HookKind> {
protected:
    void SetUp() override { Hooks::SetUp(); }
};

TEST_P(RefusingHooks, LeaveAnArenaThatWorks) {
    const HookKind kind = GetParam();
    hooks_.refuse(kind, kind == HookKind::alloc ? 6 : kind == HookKind::commit ? 20 : 0);
    hooks_.set_alloc(true, kind != HookKind::commit);
    if (kind == HookKind::decommit || kind == HookKind::purge_forced)
        hooks_.refuse(HookKind::dalloc);
    make_arena();
    if (kind == HookKind::purge_lazy) {
        ASSERT_TRUE(set_arena_muzzy_decay_ms(arena_, 10'000));
        ASSERT_TRUE(set_arena_dirty_decay_ms(arena_, 0));
    }
    churn(tests::test_seed(22), 2500);
    check_invariants();
    EXPECT_GT(hooks_.calls(kind), 0U);
    hooks_.allow(kind);
    churn(tests::test_seed(23), 500);
    hooks_.refuse(kind, 3);
    churn(tests::test_seed(24), 1000);
    check_invariants();
    hooks_.allow(kind);
}

INSTANTIATE_TEST_SUITE_P(Kinds, RefusingHooks,
                         testing::Values(HookKind::alloc, HookKind::dalloc, HookKind::commit,
                                         HookKind::decommit, HookKind::purge_lazy,
                                         HookKind::purge_forced, HookKind::split, HookKind::merge),
                         [](const testing::TestParamInfo<HookKind>& kind) {
                             return std::string(tests::name_of(kind.param));
                         });

TEST_F(Hooks, MayRefuseEverythingButAlloc) {
    for (const HookKind kind : {HookKind::dalloc, HookKind::commit, HookKind::decommit,
                                HookKind::purge_lazy, HookKind::purge_forced, HookKind::split,
                                HookKind::merge}) {
        hooks_.refuse(kind);
    }
    make_arena();
    churn(tests::test_seed(25), 2500);
    check_invariants();
}

TEST_F(Hooks, MayLackEverythingButAlloc) {
    static ExtentHooks bare{};
    bare = {};
    bare.alloc = [](ExtentHooks* hooks, void* at, size_t size, size_t alignment, bool* zero,
                    bool* commit, unsigned arena) {
        ExtentHooks* const all = extent_hooks_of(0);
        return all->alloc(hooks, at, size, alignment, zero, commit, arena);
    };
    const unsigned arena = create_arena(&bare);
    ASSERT_NE(arena, kNoIndex);
    std::vector<void*> regions;
    for (int round = 0; round < 3; ++round) {
        for (const size_t size : {100 * kKiB, 900 * kKiB, 5 * kMiB, 3 * kMiB}) {
            for (int i = 0; i < 5; ++i) regions.push_back(allocate_with(size, {.arena = arena}));
        }
        for (void* region : regions) {
            ASSERT_NE(region, nullptr);
            deallocate(region);
        }
        regions.clear();
        purge_arena(arena);
        check_invariants();
    }
    EXPECT_TRUE(destroy_arena(arena));
    bare.alloc = nullptr;
    EXPECT_EQ(create_arena(&bare), kNoIndex) << "alloc may not be missing";
}

TEST_F(Hooks, MayPromiseNothingAboutFreshMemory) {
    hooks_.set_alloc(false, true);
    make_arena();
    churn(tests::test_seed(26), 1500);
    hooks_.set_alloc(true, false);
    churn(tests::test_seed(27), 1500);
    EXPECT_GT(hooks_.calls(HookKind::commit), 0U);
    hooks_.refuse(HookKind::commit, 2);
    churn(tests::test_seed(28), 500);
    hooks_.allow(HookKind::commit);
    check_invariants();
}

TEST_F(Hooks, AreNotAskedToPurgePinnedMemory) {
    hooks_.set_address_flags(kAllocFlagPinned | 0x40);  // what later versions may say is ignored
    make_arena();
    ASSERT_TRUE(set_arena_muzzy_decay_ms(arena_, 10'000));
    ASSERT_TRUE(set_arena_dirty_decay_ms(arena_, 0));
    churn(tests::test_seed(27), 2500);
    free_all();
    purge_arena(arena_);
    const size_t kept = hooks_.extents();
    EXPECT_GT(kept, 0U);
    for (const HookKind kind : {HookKind::dalloc, HookKind::decommit, HookKind::purge_lazy,
                                HookKind::purge_forced}) {
        EXPECT_EQ(hooks_.calls(kind), 0U) << tests::name_of(kind);
    }
    churn(tests::test_seed(28), 500);  // with what was kept
    check_invariants();
}

TEST_F(Hooks, ThatHaveNoMemoryAreOutOfMemory) {
    make_arena();
    hooks_.refuse(HookKind::alloc);
    for (const size_t size : {size_t{16}, 100 * kKiB, 5 * kMiB}) {
        EXPECT_EQ(allocate_with(size, {.arena = arena_}), nullptr);
        const unsigned cache = create_tcache();
        EXPECT_EQ(allocate_with(size, {.arena = arena_, .cache = cache}), nullptr);
        EXPECT_TRUE(destroy_tcache(cache));
    }
    check_invariants();
    hooks_.allow(HookKind::alloc);
    EXPECT_TRUE(alloc(16));
}

TEST_F(Hooks, MayAllocateThemselves) {
    hooks_.set_reentrant(true);
    make_arena();
    const unsigned home = thread_arena();
    ASSERT_TRUE(bind_thread(arena_));
    for (int round = 0; round < 3; ++round) {
        std::vector<void*> regions;
        for (size_t i = 0; i < 3000; ++i) {
            regions.push_back(allocate(i % 50 == 0 ? 3 * kMiB : i % 3000 + 1));
            ASSERT_EQ(arena_of_pointer(regions.back()), arena_);
        }
        for (void* region : regions) deallocate(region);
        ASSERT_TRUE(flush_thread_cache());
        purge_arena(arena_);
    }
    check_invariants();
    ASSERT_TRUE(bind_thread(home));
}

TEST_F(Hooks, DecideWhatDecayDoes) {
    make_arena();
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(alloc(500 * kKiB));
    ASSERT_TRUE(alloc(9 * kMiB));
    // One of a length is kept whole by the arena, the others' pages are free.
    while (live_.size() > 1) free_at(1);
    const size_t lazily = hooks_.calls(HookKind::purge_lazy);
    ASSERT_TRUE(set_arena_muzzy_decay_ms(arena_, -1));
    ASSERT_TRUE(set_arena_dirty_decay_ms(arena_, 0));
    ASSERT_TRUE(decay_arena(arena_));
    maintain();
    EXPECT_GT(hooks_.calls(HookKind::purge_lazy), lazily);
    const size_t forced = hooks_.calls(HookKind::purge_forced);
    const size_t given = hooks_.calls(HookKind::dalloc);
    ASSERT_TRUE(set_arena_muzzy_decay_ms(arena_, 0));
    ASSERT_TRUE(decay_arena(arena_));
    maintain();
    EXPECT_GT(hooks_.calls(HookKind::purge_forced), forced) << "pages of a chunk in use";
    EXPECT_GT(hooks_.calls(HookKind::dalloc), given) << "chunks that are free";
}

TEST_F(Hooks, GetEverythingBackWhenTheArenaEnds) {
    make_arena();
    churn(tests::test_seed(29), 1000);
    hooks_.refuse(HookKind::dalloc);
    ASSERT_TRUE(reset_arena(arena_));
    live_.clear();
    EXPECT_GT(hooks_.extents(), 0U);
    ASSERT_TRUE(destroy_arena(arena_));
    EXPECT_EQ(hooks_.extents(), 0U);
    EXPECT_GT(hooks_.calls(HookKind::destroy), 0U);
    arena_ = kNoIndex;
    check_invariants();
}

TEST_F(Hooks, CanBeExchangedWhileTheArenaIsUsed) {
    make_arena();
    churn(tests::test_seed(30), 500);
    // The new ones can handle the old ones' memory: they are the same but for the table's address.
    ExtentHooks* const defaults = extent_hooks_of(0);
    EXPECT_EQ(set_extent_hooks(arena_, hooks_.table()), hooks_.table());
    EXPECT_NE(defaults, hooks_.table());
    EXPECT_EQ(set_extent_hooks(arena_, nullptr), nullptr);
    EXPECT_EQ(set_extent_hooks(arena_count(), hooks_.table()), nullptr);
    churn(tests::test_seed(31), 500);
    check_invariants();
}

/// As a program does that wants its arena's memory left out of core dumps.
struct NoDump {
    static inline std::atomic<ExtentHooks*> original{nullptr};
    static inline std::atomic<size_t> bytes{0};
    static void* alloc(ExtentHooks* hooks, void* at, size_t size, size_t alignment, bool* zero,
                       bool* commit, unsigned arena) {
        void* const memory =
            original.load()->alloc(hooks, at, size, alignment, zero, commit, arena);
        if (memory != nullptr)
            bytes.fetch_add(size);
        return memory;
    }
};

TEST_F(Hooks, CanBeReadAndChainedToFromAnotherThread) {
    const unsigned arena = create_arena();
    NoDump::original.store(extent_hooks_of(arena));
    ASSERT_NE(NoDump::original.load(), nullptr);
    static ExtentHooks mine;
    mine = *NoDump::original.load();
    mine.alloc = NoDump::alloc;
    ASSERT_EQ(set_extent_hooks(arena, &mine), NoDump::original.load());
    EXPECT_EQ(extent_hooks_of(arena), &mine);
    std::vector<std::thread> team;
    for (unsigned t = 0; t < 3; ++t) {
        team.emplace_back([&, t] {
            const unsigned cache = create_tcache();
            base::Prng prng(t);
            std::vector<std::pair<void*, size_t>> regions;
            for (int i = 0; i < 3000; ++i) {
                const size_t size = prng.below(i % 100 == 0 ? 5 * kMiB : 5 * kKiB) + 1;
                void* const region = allocate_with(size, {.arena = arena, .cache = cache});
                ASSERT_NE(region, nullptr);
                fill(region, std::min<size_t>(size, 5000), t);
                regions.emplace_back(region, std::min<size_t>(size, 5000));
                if (regions.size() > 100) {
                    const size_t victim = prng.below(regions.size());
                    ASSERT_TRUE(keeps(regions[victim].first, regions[victim].second, t));
                    deallocate_with(regions[victim].first, cache);
                    regions[victim] = regions.back();
                    regions.pop_back();
                }
            }
            for (const auto& [region, size] : regions) deallocate_with(region, cache);
            EXPECT_TRUE(destroy_tcache(cache));
        });
    }
    for (std::thread& thread : team) thread.join();
    EXPECT_GT(NoDump::bytes.load(), 0U);
    check_invariants();
    EXPECT_TRUE(destroy_arena(arena));
}

TEST_F(Hooks, MayServeAnAutomaticArenaToo) {
    static ExtentHooks mine;
    std::thread([] {
        const unsigned arena = thread_arena();
        ExtentHooks* const original = extent_hooks_of(arena);
        NoDump::original.store(original);
        NoDump::bytes.store(0);
        mine = *original;
        mine.alloc = NoDump::alloc;
        deallocate(allocate(8 * kMiB));  // is kept, and is not the hooks'
        const size_t kept = tests::kept_chunks();
        EXPECT_GE(kept, 4U);
        ASSERT_EQ(set_extent_hooks(arena, &mine), original);
        std::vector<void*> blocks;
        for (int i = 0; i < 10; ++i) blocks.push_back(allocate(3 * kMiB));
        for (void* block : blocks) deallocate(block);
        EXPECT_GT(NoDump::bytes.load(), 0U);
        EXPECT_EQ(tests::kept_chunks(), kept) << "hooks see what is freed";
        EXPECT_TRUE(flush_thread_cache());
        EXPECT_EQ(tests::kept_chunks(), kept - 4);
        check_invariants();
        EXPECT_EQ(set_extent_hooks(arena, original), &mine);
        purge_arena(arena);
    }).join();
}

TEST_F(Hooks, WorkInAForkedChild) {
    make_arena();
    churn(tests::test_seed(32), 300);
    EXPECT_EXIT(
        {
            churn(tests::test_seed(33), 300);
            check_invariants();
            std::_Exit(testing::Test::HasFailure() ? 1 : 0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(Hooks, UnalignedMemoryIsRefused) {
    static ExtentHooks crooked{};
    crooked = {};
    static std::atomic<int> returned{0};
    crooked.alloc = [](ExtentHooks* hooks, void* at, size_t size, size_t alignment, bool* zero,
                       bool* commit, unsigned arena) -> void* {
        void* const memory = extent_hooks_of(0)->alloc(hooks, at, size + kPageSize, alignment,
                                                       zero, commit, arena);
        return static_cast<char*>(memory) + kPageSize;
    };
    crooked.destroy = [](ExtentHooks*, void*, size_t, bool, unsigned) { returned.fetch_add(1); };
    const unsigned arena = create_arena(&crooked);
    EXPECT_EQ(allocate_with(100, {.arena = arena}), nullptr);
    EXPECT_GT(returned.load(), 0);
    EXPECT_TRUE(destroy_arena(arena));
}

}  // namespace
}  // namespace granary::core
