// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_allocator_model_test.cpp — random programs of one arena's pages against a map of intervals:
// no overlap, contents kept, "untouched" means zero, counts exact; also with failing calls, and
// with a second thread that purges all the while.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "page/page_allocator.hpp"
#include "support/page_floor.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::LazyPurge;
using tests::PageCall;

class Model : public tests::PageFloor {
public:
    Model(uint64_t seed, bool alone) : prng_(seed), alone_(alone) { pages.set_decay(1000, 300, 0); }

    void step() {
        switch (prng_.below(12)) {
            case 0:
            case 1:
            case 2:
                allocate(1 + prng_.below(20), 1);
                break;
            case 3:
                allocate(1 + prng_.below(kChunkPages), 1);
                break;
            case 4:
                allocate(1 + prng_.below(64), size_t{1} << prng_.below(10));
                break;
            case 5:
            case 6:
            case 7:
                release_any();
                break;
            case 8:
                extend_any();
                break;
            case 9:
                trim_any();
                break;
            case 10:
                pages.decay(now_ += prng_.below(200'000'000));
                break;
            default:
                if (prng_.below(8) == 0)
                    pages.purge();
                if (prng_.below(8) == 0)
                    source.purge();
                fake.set_lazy_purge(static_cast<LazyPurge>(prng_.below(3)));
                break;
        }
        pages.check_invariants();
        if (alone_) {
            ASSERT_EQ(pages.counts().active, live_pages_);
        }
    }

    void release_all() {
        while (!live_.empty()) release_any();
    }

    PageAllocator pages{source, metadata, tests::kTestArena};

private:
    struct Block {
        Extent* extent;
        size_t written;  ///< pages, from the first
    };
    using Live = std::map<uintptr_t, Block>;

    static size_t* word_at(uintptr_t address) {
        return reinterpret_cast<size_t*>(base::pointer_at(address));
    }

    static void write(uintptr_t first, size_t count) {
        for (uintptr_t page = first; page < first + (count << kPageShift); page += kPageSize) {
            *word_at(page) = page;
            *word_at(page + kPageSize - sizeof(size_t)) = ~page;
        }
    }
    static void check(const Block& block) {
        for (size_t i = 0; i < block.written; ++i) {
            const uintptr_t page = block.extent->base + (i << kPageShift);
            ASSERT_EQ(*word_at(page), page) << "contents lost";
            ASSERT_EQ(*word_at(page + kPageSize - sizeof(size_t)), ~page) << "contents lost";
        }
    }

    void allocate(size_t count, size_t alignment) {
        TouchedPages touched;
        Extent* const extent =
            pages.allocate(count, alignment, &touched, Growth::allowed);
        if (extent == nullptr) {
            ASSERT_GT(fake.failures(), 0U) << "refused for no reason";
            return;
        }
        ASSERT_EQ(extent->bytes, count << kPageShift);
        ASSERT_TRUE(base::is_aligned(extent->base, alignment << kPageShift));
        ASSERT_TRUE(fake.is_committed(extent->base, extent->bytes));
        ASSERT_EQ(extent->base >> kChunkShift, (extent->base + extent->bytes - 1) >> kChunkShift);
        const auto after = live_.lower_bound(extent->base);
        ASSERT_TRUE(after == live_.end() || extent->base + extent->bytes <= after->first)
            << "overlap";
        ASSERT_TRUE(after == live_.begin() || end_of(std::prev(after)->second) <= extent->base)
            << "overlap";
        ASSERT_EQ(touched.first, (extent->base & (kChunkSize - 1)) >> kPageShift);
        for (size_t i = 0; i < count; ++i) {
            if (touched.bits.test(touched.first + i))
                continue;
            ASSERT_TRUE(tests::is_zero(extent->base + (i << kPageShift), kPageSize))
                << "K2: said to be untouched";
        }
        // Some blocks are runs: only their first pages are ever written to.
        const size_t written = prng_.below(3) == 0 ? prng_.below(count + 1) : count;
        write(extent->base, written);
        live_[extent->base] = {extent, written};
        live_pages_ += count;
    }

    static uintptr_t end_of(const Block& block) { return block.extent->base + block.extent->bytes; }
    Live::iterator pick() {
        return std::next(live_.begin(), static_cast<ptrdiff_t>(prng_.below(live_.size())));
    }

    void release_any() {
        if (live_.empty())
            return;
        const auto it = pick();
        check(it->second);
        live_pages_ -= it->second.extent->bytes >> kPageShift;
        pages.release(it->second.extent, it->second.written);
        live_.erase(it);
    }

    void extend_any() {
        if (live_.empty())
            return;
        Block& block = pick()->second;
        const size_t old_pages = block.extent->bytes >> kPageShift;
        if (block.written != old_pages || old_pages == kChunkPages)
            return;
        const size_t wanted = old_pages + 1 + prng_.below(20);
        const auto next = live_.upper_bound(block.extent->base);
        const uintptr_t end = block.extent->base + (wanted << kPageShift);
        const uintptr_t chunk_end = base::align_down(block.extent->base, kChunkSize) + kChunkSize;
        const bool room = end <= chunk_end && (next == live_.end() || end <= next->first);
        const bool extended = pages.extend(block.extent, wanted);
        if (alone_ || !room) {
            ASSERT_EQ(extended, room);
        }
        if (!extended)
            return;
        ASSERT_EQ(block.extent->bytes, wanted << kPageShift);
        write(block.extent->base, wanted);
        block.written = wanted;
        live_pages_ += wanted - old_pages;
    }

    void trim_any() {
        if (live_.empty())
            return;
        Block& block = pick()->second;
        const size_t old_pages = block.extent->bytes >> kPageShift;
        if (block.written != old_pages || old_pages == 1)
            return;
        const size_t kept = 1 + prng_.below(old_pages - 1);
        pages.trim(block.extent, kept);
        block.written = kept;
        live_pages_ -= old_pages - kept;
        check(block);
    }

    base::Prng prng_;
    const bool alone_;
    uint64_t now_ = 0;
    Live live_;
    size_t live_pages_ = 0;
};

TEST(PageAllocatorModel, RandomProgramsKeepContentsAndCounts) {
    const uint64_t seed = tests::test_seed(51);
    SCOPED_TRACE(tests::seed_note(seed));
    for (uint64_t program = 0; program < 6; ++program) {
        Model model(seed + program, true);
        for (int i = 0; i < 2000; ++i) {
            model.step();
            if (testing::Test::HasFatalFailure())
                return;
        }
        model.release_all();
        model.pages.purge();
        model.source.purge();
        model.pages.check_invariants();
        model.source.check_invariants();
        const PageCounts counts = model.pages.counts();
        ASSERT_EQ(counts.active + counts.dirty + counts.muzzy + counts.retained, 0U)
            << "every chunk went back";
        ASSERT_EQ(
            model.source.free_bytes(PageState::dirty) + model.source.free_bytes(PageState::muzzy),
            0U);
    }
}

class PageAllocatorFailure : public testing::TestWithParam<PageCall> {};

TEST_P(PageAllocatorFailure, AtEveryPlaceLeavesAnAllocatorThatWorks) {
    const uint64_t seed = tests::test_seed(53);
    for (const size_t times : {size_t{1}, SIZE_MAX}) {
        for (size_t n = 0; n < 16; ++n) {
            SCOPED_TRACE(tests::seed_note(seed) + ", call " + std::to_string(n));
            Model model(seed + n, true);
            model.fake.fail_after(GetParam(), n, times);
            for (int i = 0; i < 200; ++i) {
                model.step();
                if (HasFatalFailure())
                    return;
            }
            model.fake.heal();
            for (int i = 0; i < 100; ++i) {
                model.step();
                if (HasFatalFailure())
                    return;
            }
            model.release_all();
            model.pages.purge();
            model.pages.check_invariants();
            model.source.check_invariants();
            ASSERT_EQ(model.pages.counts().active, 0U);
            ASSERT_FALSE(model.pages.has_unpurged());
            if (HasFailure())
                return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Calls, PageAllocatorFailure,
                         testing::Values(PageCall::reserve, PageCall::commit, PageCall::purge_lazy,
                                         PageCall::purge_forced, PageCall::map),
                         [](const auto& call) { return std::string(tests::name_of(call.param)); });

/// Purging releases the lock around its system calls: pages that are being purged must be nobody's.
TEST(PageAllocatorModel, AProgramSurvivesAnotherThreadThatPurges) {
    const uint64_t seed = tests::test_seed(55);
    SCOPED_TRACE(tests::seed_note(seed));
    Model model(seed, false);
    std::atomic<bool> stop{false};
    std::thread purger([&] {
        uint64_t now = 0;
        for (int i = 0; !stop.load(std::memory_order_relaxed); ++i) {
            if (i % 3 == 0) {
                model.pages.purge();
                model.source.purge();
            } else {
                model.pages.decay(now += 100'000'000);
                model.source.decay(now);
            }
        }
    });
    for (int i = 0; i < 3000 && !testing::Test::HasFatalFailure(); ++i) model.step();
    stop.store(true, std::memory_order_relaxed);
    purger.join();
    model.release_all();
    model.pages.purge();
    model.pages.check_invariants();
    const PageCounts counts = model.pages.counts();
    EXPECT_EQ(counts.active + counts.dirty + counts.muzzy, 0U);
}

}  // namespace
}  // namespace granary::core
