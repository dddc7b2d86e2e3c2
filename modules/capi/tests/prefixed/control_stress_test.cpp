// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// control_stress_test.cpp — everything that can be asked and set, by threads at once, while others
//                           allocate.
//
// Role        For ThreadSanitizer and the checked build: nothing here may break, whatever the order.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

constexpr auto kDuration = std::chrono::milliseconds(700);

int act(const std::string& name) {
    return granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0);
}

template <typename T>
int set(const char* name, T value) {
    return granary_mallctl(name, nullptr, nullptr, &value, sizeof value);
}

template <typename T>
bool get(const char* name, T& value) {
    size_t length = sizeof value;
    return granary_mallctl(name, &value, &length, nullptr, 0) == 0;
}

class Random {
public:
    explicit Random(uint32_t seed) : state_(seed) {}
    size_t below(size_t bound) {
        state_ = state_ * 1664525 + 1013904223;
        return (state_ >> 8) % bound;
    }

private:
    uint32_t state_;
};

class ControlStress : public testing::Test {
protected:
    /// Runs all bodies over and over in threads of their own; each says whether all went well.
    template <typename... Bodies>
    static void run(Bodies... bodies) {
        std::atomic<bool> over{false};
        std::vector<std::thread> threads;
        uint32_t seed = 1;
        auto start = [&](auto body) {
            threads.emplace_back([&over, body, random = Random(seed++)]() mutable {
                while (!over) ASSERT_TRUE(body(random));
            });
        };
        (start(bodies), ...);
        std::this_thread::sleep_for(kDuration);
        over = true;
        for (std::thread& thread : threads) thread.join();
    }

    /// An arena with regions in it, some of which are freed before it ends.
    static bool use_arena(Random& random) {
        unsigned arena = 0;
        if (!get("arenas.create", arena))
            return false;
        const int flags = static_cast<int>(GRANARY_MALLOCX_ARENA(arena) | GRANARY_MALLOCX_TCACHE_NONE);
        const std::string name = "arena." + std::to_string(arena) + ".";
        std::vector<void*> regions(random.below(100));
        for (void*& region : regions) {
            region = granary_mallocx(1 + random.below(random.below(17) == 0 ? 3'000'000 : 5000), flags);
            if (region == nullptr)
                return false;
            std::memset(region, 1, 8);
        }
        for (size_t i = 0; i < regions.size() / 2; ++i) granary_dallocx(regions[i], flags);
        if (random.below(2) == 0 && act(name + "reset") != 0)
            return false;
        return act(name + "destroy") == 0;
    }

    static bool use_cache(Random& random) {
        unsigned cache = 0;
        if (!get("tcache.create", cache))
            return false;
        const int flags = static_cast<int>(GRANARY_MALLOCX_TCACHE(cache));
        for (int i = 0; i < 100; ++i) {
            void* const region = granary_mallocx(1 + random.below(2000), flags);
            granary_dallocx(region, i % 2 == 0 ? flags : 0);
        }
        return set("tcache.flush", cache) == 0 && set("tcache.destroy", cache) == 0;
    }

    static bool change_thread(Random& random) {
        bool done = set("thread.tcache.enabled", random.below(2) == 0) == 0;
        for (int i = 0; i < 100; ++i) granary_free(granary_malloc(random.below(40'000)));
        done = set("thread.tcache.max", random.below(40'000)) == 0 && done;
        done = set("thread.tcache.ncached_max.write", "8-64:0|128-1024:10") == 0 && done;
        return done && set("thread.arena", 0U) == 0 && act("thread.idle") == 0;
    }

    static bool change_process(Random& random) {
        bool done = set("background_thread", random.below(2) == 0) == 0;
        done = set("max_background_threads", random.below(5)) == 0 && done;
        done = set("arenas.dirty_decay_ms", static_cast<int64_t>(random.below(3) * 1000)) == 0 && done;
        done = act("stats.mutexes.reset") == 0 && done;
        return done && act(random.below(8) == 0 ? "arena.4096.purge" : "arena.4096.decay") == 0;
    }

    static bool read_statistics(Random& /*random*/) {
        size_t allocated = 0;
        size_t active = 0;
        return set("epoch", uint64_t{1}) == 0 && get("stats.allocated", allocated) &&
               get("stats.active", active);
    }

    static bool print(Random& random) {
        size_t length = 0;
        granary_malloc_stats_print(
            [](void* sum, const char* text) {
                *static_cast<size_t*>(sum) += std::strlen(text);
                granary_free(granary_malloc(1000));
            },
            &length, random.below(2) == 0 ? "J" : "");
        return length > 1000;
    }

    static bool churn(Random& random) {
        std::vector<void*> regions(200);
        for (void*& region : regions) {
            region = granary_malloc(random.below(50) == 0 ? 1'500'000 : random.below(3000));
            if (region == nullptr)
                return false;
        }
        for (void* region : regions) granary_free(region);
        return true;
    }
};

TEST_F(ControlStress, ArenasComeAndGoWhileStatisticsAreTaken) {
    run(use_arena, use_arena, read_statistics, print, churn);
}

TEST_F(ControlStress, CachesAndThreadsChangeWhileOthersAllocate) {
    run(use_cache, use_cache, change_thread, read_statistics, churn, churn);
}

TEST_F(ControlStress, TheProcessIsRearrangedUnderWay) {
    run(use_arena, use_cache, change_process, change_thread, print, churn);
    bool off = false;
    EXPECT_EQ(set("background_thread", off), 0);
    EXPECT_EQ(set("max_background_threads", size_t{4}), 0);
    EXPECT_EQ(set("arenas.dirty_decay_ms", int64_t{10'000}), 0);
}

}  // namespace
