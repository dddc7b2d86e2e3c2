// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// options_test.cpp — start-up options, each in a fresh process: the heap starts once.
//
// Role        Death tests of the "threadsafe" kind run this program again, with one test; the heap
//             has not started there. The statement ends the process with 0 if all went well.
#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "granary/core/lifecycle.hpp"
#include "support/fresh_process.hpp"
#include "support/heap_fixture.hpp"
#include "support/startup_options.hpp"

namespace granary::core {
namespace {

class OptionsDeathTest : public tests::FreshProcess {
protected:
    static void exercise() {
        std::vector<void*> regions;
        for (size_t i = 0; i < 3000; ++i) {
            const size_t size = i % 500 == 0 ? 3 * tests::kMiB : i * 40;
            regions.push_back(allocate(size));
            require(regions.back() != nullptr, "memory");
            tests::fill(regions.back(), size, static_cast<unsigned>(i));
        }
        for (size_t i = 0; i < regions.size(); ++i) {
            const size_t size = i % 500 == 0 ? 3 * tests::kMiB : i * 40;
            require(tests::keeps(regions[i], size, static_cast<unsigned>(i)), "contents");
            if (i % 2 == 0) {
                deallocate(regions[i]);
            } else {
                std::thread([&] { deallocate(regions[i]); }).join();
                i += 200;
            }
        }
    }
};

TEST_F(OptionsDeathTest, WithoutThreadCachesEveryRegionComesFromTheRuns) {
    EXPECT_EXIT(
        {
            tests::startup_options().thread_cache = false;
            void* const region = allocate(100);
            void* const zeroed = allocate_zeroed(200);
            require(tests::all_zero(zeroed, 200), "zero");
            require(!flush_thread_cache(), "there is no cache to flush");
            require(tests::snapshot()->cached == 0, "nothing is cached");
            require(tests::snapshot()->allocated == usable_size(region) + usable_size(zeroed),
                    "exact counts");
            deallocate(region);
            deallocate(zeroed);
            require(tests::snapshot()->allocated == 0, "exact counts");
            exercise();
            check_invariants();
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(OptionsDeathTest, OneArenaServesManyThreads) {
    EXPECT_EXIT(
        {
            tests::startup_options().arena_limit = 1;
            exercise();
            std::vector<std::thread> team;
            for (int t = 0; t < 4; ++t) team.emplace_back([] { deallocate(allocate(50)); });
            for (std::thread& thread : team) thread.join();
            require(arena_count() == 1, "one arena");
            check_invariants();
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(OptionsDeathTest, AnArenaLimitOfZeroFollowsTheCpus) {
    EXPECT_EXIT(
        {
            tests::startup_options().arena_limit = 0;
            deallocate(allocate(1));
            require(arena_limit() >= 8, "at least eight");
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(OptionsDeathTest, DecayTimesAreThoseOfTheOptions) {
    EXPECT_EXIT(
        {
            tests::startup_options().dirty_decay_ms = 1234;
            tests::startup_options().muzzy_decay_ms = 567;
            bootstrap();
            bootstrap();
            require(dirty_decay_ms() == 1234 && muzzy_decay_ms() == 567, "the times");
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(OptionsDeathTest, ABackgroundThreadStartsWithTheFirstTick) {
    EXPECT_EXIT(
        {
            tests::startup_options().background_thread = true;
            tests::startup_options().dirty_decay_ms = 10'000;
            require(!background_thread_enabled(), "not before the start");
            exercise();
            require(background_thread_enabled(), "wanted");
            require(set_background_thread(false), "it stops");
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(OptionsDeathTest, OptionsThatAreNotValidStopTheProgram) {
    EXPECT_DEATH(
        {
            tests::startup_options().valid = false;
            static_cast<void>(allocate(1));
        },
        "<granary>: the options above are not valid and abort_conf is set\n");
}

}  // namespace
}  // namespace granary::core
