// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// chunk_source_model_test.cpp — random programs against a map of intervals, with every system
// call failing at every place.
#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>
#include <granary/base/prng.hpp>

#include "page/chunk_source.hpp"
#include "support/page_floor.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::LazyPurge;
using tests::PageCall;

/// What is in the program's hands; marks every chunk it has with the block's number, at both ends.
class Model : public tests::PageFloor {
public:
    explicit Model(uint64_t seed) : prng_(seed) { source.set_decay(1000, 500, 0); }

    void step() {
        switch (prng_.below(16)) {
            case 0:
            case 1:
            case 2:
            case 3:
                take(1 + prng_.below(6), kChunkSize);
                break;
            case 4:
                take(1 + prng_.below(40), kChunkSize);
                break;
            case 5:
                take(1 + prng_.below(4), kChunkSize << prng_.below(6));
                break;
            case 6:
            case 7:
            case 8:
            case 9:
                give_any();
                break;
            case 10:
                give_part();
                break;
            case 11:
            case 12:
                extend_any();
                break;
            case 13:
                source.decay(now_ += prng_.below(400'000'000));
                break;
            case 14:
                if (prng_.below(4) == 0)
                    source.purge();
                break;
            default:
                fake.set_lazy_purge(static_cast<LazyPurge>(prng_.below(3)));
                break;
        }
        source.check_invariants();
    }

    void check_everything() {
        for (const auto& [base, chunks] : live_) check_marks(base, chunks);
        const size_t live = live_chunks() << kChunkShift;
        const size_t free = source.free_bytes(PageState::dirty) +
                            source.free_bytes(PageState::muzzy) +
                            source.free_bytes(PageState::retained);
        // Address space is in somebody's hands or free; nothing is counted twice. (Less than all
        // only where a failing call lost some.)
        ASSERT_LE(live + free, fake.committed_bytes() + fake.reserved_bytes());
        if (fake.failures() == 0) {
            ASSERT_EQ(live + free, fake.committed_bytes() + fake.reserved_bytes());
        }
    }

    void give_all() {
        while (!live_.empty()) give_any();
    }

    [[nodiscard]] size_t live_chunks() const {
        size_t sum = 0;
        for (const auto& [base, chunks] : live_) sum += chunks;
        return sum;
    }

private:
    static size_t* word_at(uintptr_t address) {
        return reinterpret_cast<size_t*>(base::pointer_at(address));
    }

    static void check_marks(uintptr_t base, size_t chunks) {
        for (size_t i = 0; i < chunks; ++i) {
            const uintptr_t chunk = base + (i << kChunkShift);
            ASSERT_EQ(*word_at(chunk), chunk) << "somebody else wrote into a taken chunk";
            ASSERT_EQ(*word_at(chunk + kChunkSize - sizeof(size_t)), ~chunk);
        }
    }

    static void set_marks(uintptr_t base, size_t chunks) {
        for (size_t i = 0; i < chunks; ++i) {
            const uintptr_t chunk = base + (i << kChunkShift);
            *word_at(chunk) = chunk;
            *word_at(chunk + kChunkSize - sizeof(size_t)) = ~chunk;
        }
    }

    void add(const ChunkRange& range) {
        const uintptr_t end = range.base + (range.chunks << kChunkShift);
        const auto after = live_.lower_bound(range.base);
        ASSERT_TRUE(after == live_.end() || end <= after->first) << "overlaps a taken range";
        if (after != live_.begin()) {
            const auto before = std::prev(after);
            ASSERT_LE(before->first + (before->second << kChunkShift), range.base)
                << "overlaps a taken range";
        }
        ASSERT_TRUE(fake.is_committed(range.base, end - range.base)) << "C3";
        if (range.zeroed) {
            for (size_t i = 0; i < range.chunks; ++i) {
                const uintptr_t chunk = range.base + (i << kChunkShift);
                ASSERT_EQ(*word_at(chunk), 0U) << "C3: called zeroed";
                ASSERT_EQ(*word_at(chunk + kChunkSize - sizeof(size_t)), 0U) << "C3: called zeroed";
            }
        }
        live_[range.base] = range.chunks;
        set_marks(range.base, range.chunks);
    }

    void take(size_t chunks, size_t alignment) {
        ChunkRange range;
        if (!source.take(chunks, alignment, range)) {
            ASSERT_GT(fake.failures(), 0U) << "refused for no reason";
            return;
        }
        ASSERT_EQ(range.chunks, chunks);
        ASSERT_TRUE(base::is_aligned(range.base, alignment));
        add(range);
    }

    std::map<uintptr_t, size_t>::iterator pick() {
        return std::next(live_.begin(), static_cast<ptrdiff_t>(prng_.below(live_.size())));
    }

    void give_any() {
        if (live_.empty())
            return;
        const auto it = pick();
        check_marks(it->first, it->second);
        source.give(it->first, it->second, true);
        live_.erase(it);
    }

    /// A tail, as a huge block that shrinks gives it.
    void give_part() {
        if (live_.empty())
            return;
        const auto it = pick();
        if (it->second < 2)
            return;
        const size_t keep = 1 + prng_.below(it->second - 1);
        check_marks(it->first, it->second);
        source.give(it->first + (keep << kChunkShift), it->second - keep, true);
        it->second = keep;
    }

    void extend_any() {
        if (live_.empty())
            return;
        const auto it = pick();
        const uintptr_t end = it->first + (it->second << kChunkShift);
        const size_t more = 1 + prng_.below(3);
        ChunkRange range;
        if (!source.take_following(end, more, range))
            return;
        ASSERT_EQ(range.base, end);
        ASSERT_EQ(range.chunks, more);
        add(range);
    }

    base::Prng prng_;
    uint64_t now_ = 0;
    std::map<uintptr_t, size_t> live_;
};

TEST(ChunkSourceModel, RandomProgramsNeverOverlapAndLoseNothing) {
    const uint64_t seed = tests::test_seed(41);
    SCOPED_TRACE(tests::seed_note(seed));
    for (uint64_t program = 0; program < 8; ++program) {
        Model model(seed + program);
        for (int i = 0; i < 600; ++i) {
            model.step();
            if (testing::Test::HasFatalFailure())
                return;
        }
        model.check_everything();
        model.give_all();
        model.check_everything();
        model.source.purge();
        EXPECT_EQ(
            model.source.free_bytes(PageState::dirty) + model.source.free_bytes(PageState::muzzy),
            0U);
        model.source.check_invariants();
        if (testing::Test::HasFailure())
            return;
    }
}

/// Every call of one kind fails from its n-th use on, for every n that the program reaches; then
/// the system recovers and the source must work as if nothing had been.
class ChunkSourceFailure : public testing::TestWithParam<PageCall> {};

TEST_P(ChunkSourceFailure, AtEveryPlaceLeavesASourceThatWorks) {
    const uint64_t seed = tests::test_seed(43);
    for (const size_t times : {size_t{1}, SIZE_MAX}) {
        for (size_t n = 0; n < 25; ++n) {
            SCOPED_TRACE(tests::seed_note(seed) + ", call " + std::to_string(n));
            Model model(seed + n);
            model.fake.fail_after(GetParam(), n, times);
            for (int i = 0; i < 120; ++i) {
                model.step();
                if (HasFatalFailure())
                    return;
            }
            model.check_everything();
            model.fake.heal();
            for (int i = 0; i < 60; ++i) {
                model.step();
                if (HasFatalFailure())
                    return;
            }
            model.check_everything();
            model.give_all();
            model.check_everything();
            if (HasFailure())
                return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Calls, ChunkSourceFailure,
                         testing::Values(PageCall::reserve, PageCall::release, PageCall::commit,
                                         PageCall::purge_lazy, PageCall::purge_forced,
                                         PageCall::map),
                         [](const auto& call) { return std::string(tests::name_of(call.param)); });

/// Descriptors come eight at a time, so that metadata runs out at moments which the programs above
/// seldom meet: here it is exhausted exactly, and ranges are then split from both ends.
TEST(ChunkSourceDescriptors, SplittingWithoutDescriptorsLosesSpaceButNeverMixesRangesUp) {
    for (size_t spare = 0; spare < 8; ++spare) {
        SCOPED_TRACE("descriptors left: " + std::to_string(spare));
        tests::PageFloor floor;
        ChunkRange block;
        ASSERT_TRUE(floor.source.take(32, 32 * kChunkSize, block));
        // Two chunks at the front stay taken, the rest becomes one free range.
        floor.source.give(block.base + 2 * kChunkSize, 30, true);
        floor.fake.fail_after(PageCall::map, 0);
        std::vector<Extent*> taken;
        while (Extent* extent = floor.source.make_extent()) taken.push_back(extent);
        ASSERT_GT(taken.size(), 8U);
        for (size_t i = 0; i < spare; ++i) {
            floor.source.discard_extent(taken.back());
            taken.pop_back();
        }
        // From the middle: the descriptor of the whole serves the tail, the front may get none.
        ChunkRange middle;
        ASSERT_TRUE(floor.source.take(4, 8 * kChunkSize, middle));
        ASSERT_EQ(middle.base, block.base + 8 * kChunkSize);
        // The neighbour of the front part must not mistake the tail's descriptor for it.
        floor.source.give(block.base + kChunkSize, 1, true);
        floor.source.check_invariants();
        std::map<uintptr_t, uintptr_t> seen{{middle.base, middle.base + 4 * kChunkSize},
                                            {block.base, block.base + kChunkSize}};
        floor.fake.heal();
        for (;;) {
            ChunkRange one;
            ASSERT_TRUE(floor.source.take(1, kChunkSize, one));
            const bool inside = one.base >= block.base && one.base < block.base + 32 * kChunkSize;
            for (const auto& [base, end] : seen) {
                ASSERT_FALSE(one.base < end && base < one.base + kChunkSize) << "taken twice";
            }
            seen[one.base] = one.base + kChunkSize;
            if (!inside)
                break;
        }
    }
}

}  // namespace
}  // namespace granary::core
