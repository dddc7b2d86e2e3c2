// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// decay_test.cpp — the curve against a naive one that remembers every page's birth.
#include "page/decay.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

#include "support/seed.hpp"

namespace granary::core {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr int64_t kTime = 6'400;  // ms: an epoch is 100 ms
constexpr uint64_t kEpoch = kTime * kMs / Decay::kSteps;

double weight(double age_share) {
    if (age_share >= 1)
        return 0;
    const double t = 1 - age_share;
    return t * t * t * (t * (t * 6 - 15) + 10);
}

/// Keeps the pages of each epoch apart and weighs them with floating-point numbers.
class NaiveDecay {
public:
    explicit NaiveDecay(uint64_t now) : last_(now) {}

    /// @return how many pages may stay, before rounding.
    double limit(uint64_t now, double unused) {
        const double fresh = std::max(0.0, unused - previous_);
        const uint64_t epochs = (now - last_) / kEpoch;
        if (epochs == 0)
            return std::min(sum() + fresh, unused);
        for (Batch& batch : batches_) batch.age += epochs;
        batches_.push_back({fresh, epochs - 1});
        last_ += epochs * kEpoch;
        previous_ = std::min(std::floor(sum()), unused);
        return previous_;
    }

private:
    struct Batch {
        double pages;
        uint64_t age;  // epochs
    };
    [[nodiscard]] double sum() const {
        double total = 0;
        for (const Batch& batch : batches_) {
            total += batch.pages * weight(static_cast<double>(batch.age) / Decay::kSteps);
        }
        return total;
    }
    std::deque<Batch> batches_;
    uint64_t last_;
    double previous_ = 0;
};

TEST(Decay, ANegativeTimeKeepsEverything) {
    Decay decay;
    EXPECT_EQ(decay.milliseconds(), -1);
    EXPECT_EQ(decay.limit(0, 1000), 1000U);
    decay.set_time(-1, 0);
    EXPECT_EQ(decay.limit(uint64_t{1} << 60, 1000), 1000U);
}

TEST(Decay, TimeZeroKeepsNothing) {
    Decay decay;
    decay.set_time(0, 5);
    EXPECT_EQ(decay.limit(5, 1000), 0U);
    EXPECT_EQ(decay.limit(6, 1), 0U);
}

TEST(Decay, PagesStayDuringTheEpochInWhichTheyAppear) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(0, 1000), 1000U);
    EXPECT_EQ(decay.limit(kEpoch - 1, 1000), 1000U);
    EXPECT_EQ(decay.limit(kEpoch, 1000), 1000U);
}

TEST(Decay, D1_OneBatchFollowsTheCurveToItsEnd) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(0, 100'000), 100'000U);
    size_t unused = 100'000;
    for (uint64_t epoch = 1; epoch <= Decay::kSteps; ++epoch) {
        const size_t keep = decay.limit(epoch * kEpoch, unused);
        const double share = static_cast<double>(epoch - 1) / Decay::kSteps;
        ASSERT_NEAR(static_cast<double>(keep), 100'000 * weight(share), 2) << "epoch " << epoch;
        ASSERT_LE(keep, unused);
        unused = keep;
    }
    EXPECT_EQ(decay.limit((Decay::kSteps + 1) * kEpoch, unused), 0U);
}

TEST(Decay, D1_HalfStaysAtHalfTime) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(0, 1000), 1000U);
    EXPECT_EQ(decay.limit(kEpoch, 1000), 1000U);
    EXPECT_NEAR(static_cast<double>(decay.limit(kEpoch + kTime * kMs / 2, 1000)), 500, 1);
}

TEST(Decay, ASleepThroughTheWholeTimePurgesAllThatWasThereBefore) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(0, 1000), 1000U);
    EXPECT_EQ(decay.limit(kEpoch, 1000), 1000U);
    EXPECT_EQ(decay.limit(kTime * kMs * 3, 1000), 0U);
    // And the next batch starts its own curve.
    EXPECT_EQ(decay.limit(kTime * kMs * 3 + 1, 1000), 1000U);
}

TEST(Decay, D3_PagesDateFromTheCallBeforeTheOneThatSawThem) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(10 * kEpoch, 0), 0U);
    // Freed right after that call, seen half the time later: half of them may stay.
    const size_t keep = decay.limit(10 * kEpoch + kTime * kMs / 2, 1000);
    EXPECT_NEAR(static_cast<double>(keep), 1000 * weight(31.0 / 64), 1);
    // Asking before freeing protects what is freed then, however long the sleep was.
    Decay polite;
    polite.set_time(kTime, 0);
    const uint64_t late = 1000 * kEpoch;
    EXPECT_EQ(polite.limit(late, 0), 0U);
    EXPECT_EQ(polite.limit(late, 500), 500U);
}

TEST(Decay, D2_TheLimitNeverExceedsThePagesAskedAbout) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(0, 1000), 1000U);
    EXPECT_EQ(decay.limit(kEpoch, 1000), 1000U);
    EXPECT_EQ(decay.limit(kEpoch + 1, 10), 10U);  // most were used again
    EXPECT_EQ(decay.limit(2 * kEpoch, 10), 10U);
    EXPECT_EQ(decay.limit(3 * kEpoch, 0), 0U);
}

TEST(Decay, AClockThatStandsStillOrGoesBackPurgesNothing) {
    Decay decay;
    decay.set_time(kTime, 100 * kEpoch);
    EXPECT_EQ(decay.limit(100 * kEpoch, 77), 77U);
    EXPECT_EQ(decay.limit(99 * kEpoch, 77), 77U);
    EXPECT_EQ(decay.limit(0, 77), 77U);
}

TEST(Decay, SettingATimeStartsTheCurveAnew) {
    Decay decay;
    decay.set_time(kTime, 0);
    EXPECT_EQ(decay.limit(kEpoch, 1000), 1000U);
    const uint64_t half = kTime * kMs / 2;
    EXPECT_LT(decay.limit(half, 1000), 1000U);
    decay.set_time(2 * kTime, half);
    EXPECT_EQ(decay.milliseconds(), 2 * kTime);
    EXPECT_EQ(decay.epoch_ns(), 2 * kEpoch);
    EXPECT_EQ(decay.limit(half, 1000), 1000U);
    EXPECT_EQ(decay.limit(half + 2 * kEpoch, 1000), 1000U);
}

TEST(Decay, TheShortestTimeHasAnEpochThatIsNotZero) {
    Decay decay;
    decay.set_time(1, 0);
    EXPECT_GT(decay.epoch_ns(), 0U);
    EXPECT_EQ(decay.limit(0, 10), 10U);
    EXPECT_EQ(decay.limit(3 * kMs, 10), 0U);
}

TEST(Decay, HugeTimesAndCountsDoNotOverflow) {
    Decay decay;
    decay.set_time(int64_t{1} << 40, 0);
    EXPECT_EQ(decay.limit(0, size_t{1} << 40), size_t{1} << 40);
    EXPECT_LE(decay.limit(decay.epoch_ns(), size_t{1} << 40), size_t{1} << 40);
}

/// A page allocator's life: pages come and go, and what exceeds the limit is purged.
TEST(Decay, RandomHistoriesFollowTheNaiveCurve) {
    const uint64_t seed = tests::test_seed(31);
    SCOPED_TRACE(tests::seed_note(seed));
    base::Prng prng(seed);
    for (int history = 0; history < 50; ++history) {
        Decay decay;
        decay.set_time(kTime, 0);
        NaiveDecay naive(0);
        uint64_t now = 0;
        size_t unused = 0;
        for (int step = 0; step < 500; ++step) {
            if (prng.below(4) == 0)
                now += prng.below(prng.below(10) == 0 ? 80 * kEpoch : 3 * kEpoch);
            const size_t keep = decay.limit(now, unused);
            ASSERT_LE(keep, unused);
            const double expected = naive.limit(now, static_cast<double>(unused));
            // Two roundings and the fixed point: less than 1 page in 10,000.
            ASSERT_NEAR(static_cast<double>(keep), expected, 2 + expected / 10'000)
                << "history " << history << " step " << step;
            unused = keep;
            if (prng.below(2) == 0) {
                unused += prng.below(5000);
            } else {
                unused -= prng.below(unused + 1);
            }
        }
    }
}

}  // namespace
}  // namespace granary::core
