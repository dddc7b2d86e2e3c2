// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stress_test.cpp — producer and consumer, thread churn, realloc storm, purge race.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "stress.hpp"

namespace granary::tests {
namespace {

const Abi& abi = tested_abi();

/// Each test begins and ends with an empty heap, to the byte.
class Stress : public testing::Test {
protected:
    void SetUp() override { before_ = allocated_bytes(abi); }
    void TearDown() override { EXPECT_EQ(allocated_bytes(abi), before_); }

    StressClock clock_;

private:
    size_t before_ = 0;
};

/// A bounded queue between threads.
class Channel {
public:
    bool push(const Region& region) {
        const std::lock_guard lock(mutex_);
        if (count_ == slots_.size())
            return false;
        slots_[(first_ + count_++) % slots_.size()] = region;
        return true;
    }
    std::optional<Region> pop() {
        const std::lock_guard lock(mutex_);
        if (count_ == 0)
            return std::nullopt;
        const Region region = slots_[first_];
        first_ = (first_ + 1) % slots_.size();
        --count_;
        return region;
    }

private:
    std::mutex mutex_;
    std::array<Region, 4096> slots_{};
    size_t first_ = 0;
    size_t count_ = 0;
};

size_t random_size(Rng& rng) {
    const uint64_t draw = rng.below(1000);
    if (draw < 900)
        return rng.below(600);
    if (draw < 995)
        return rng.below(40'000);
    return rng.below(3'000'000);
}

TEST_F(Stress, ProducersAllocateWhatConsumersFree) {
    static Channel channel;
    std::atomic<unsigned> producing{3};
    run_threads(abi, 5, [&](unsigned number) {
        Rng rng(number);
        if (number < 3) {
            for (uint64_t stamp = number; clock_.running(); stamp += 3) {
                const Region region = make_region(abi, random_size(rng), stamp);
                while (!channel.push(region)) std::this_thread::yield();
            }
            producing.fetch_sub(1);
            return;
        }
        for (;;) {
            const bool last_look = producing.load() == 0;
            if (const std::optional<Region> region = channel.pop()) {
                end_region(abi, *region);
            } else if (last_look) {
                return;
            } else {
                std::this_thread::yield();
            }
        }
    });
}

TEST_F(Stress, ThreadsDieWhileOthersFreeTheirRegions) {
    constexpr unsigned kRows = 4;
    constexpr unsigned kRegions = 100;
    static std::array<std::mutex, kRows> locks;
    static std::array<std::array<Region, kRegions>, kRows> rows;
    run_threads(abi, kRows, [&](unsigned number) {
        for (uint64_t life = 0; clock_.running(); ++life) {
            std::thread([&] {
                Rng rng(life * kRows + number);
                for (unsigned i = 0; i < kRegions; ++i) {
                    // Another row half of the time: frees meet arenas whose threads are gone.
                    const unsigned row =
                        static_cast<unsigned>(rng.below(2) == 0 ? number : rng.below(kRows));
                    const Region fresh = make_region(abi, random_size(rng), rng.next());
                    const std::lock_guard lock(locks[row]);
                    Region& place = rows[row][rng.below(kRegions)];
                    if (place.address != 0)
                        end_region(abi, place);
                    place = fresh;
                }
            }).join();
        }
    });
    for (auto& row : rows) {
        for (Region& region : row) {
            if (region.address != 0)
                end_region(abi, region);
            region = Region{};
        }
    }
    EXPECT_TRUE(flush_thread_cache(abi));
}

constexpr size_t kLargestRealloc = size_t{8} << 20;

TEST_F(Stress, ReallocsRunAgainstEachOther) {
    run_threads(abi, 4, [&](unsigned number) {
        Rng rng(number + 40);
        std::vector<Region> regions;
        for (unsigned i = 0; i < 32; ++i)
            regions.push_back(make_region(abi, random_size(rng), rng.next()));
        while (clock_.running()) {
            Region& region = regions[rng.below(regions.size())];
            size_t size =
                rng.one_in(2) ? random_size(rng) + 1 : region.usable + 1 + rng.below(5000);
            if (size > kLargestRealloc)
                size = 100;
            void* const moved = abi.realloc(region.pointer(), size);
            if (moved == nullptr)
                diverged("realloc to %zu failed", size);
            Region fresh = region;
            fresh.address = reinterpret_cast<uintptr_t>(moved);
            fresh.usable = abi.malloc_usable_size(moved);
            check_stamp(region, fresh.bytes(), std::min(region.usable, size), "after realloc");
            fresh.stamp = rng.next();
            write_stamp(fresh);
            region = fresh;
        }
        for (const Region& region : regions) end_region(abi, region);
    });
}

TEST_F(Stress, PurgesAndStatisticsRaceWithAllocation) {
    run_threads(abi, 5, [&](unsigned number) {
        Rng rng(number + 400);
        std::vector<Region> regions;
        while (clock_.running()) {
            if (number == 0) {
                EXPECT_TRUE(purge_all_arenas(abi));
                (void)allocated_bytes(abi);
                continue;
            }
            if (number == 1 && rng.one_in(50)) {
                EXPECT_TRUE(flush_thread_cache(abi));
            }
            regions.push_back(make_region(abi, random_size(rng), rng.next()));
            while (regions.size() > rng.below(200)) {
                const size_t index = rng.below(regions.size());
                end_region(abi, regions[index]);
                regions[index] = regions.back();
                regions.pop_back();
            }
        }
        for (const Region& region : regions) end_region(abi, region);
    });
}

}  // namespace
}  // namespace granary::tests
