// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mallctl_test.cpp — control and statistics over the real heap.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

void refresh() {
    uint64_t any = 0;
    ASSERT_EQ(granary_mallctl("epoch", nullptr, nullptr, &any, sizeof any), 0);
}

template <typename T>
T get(const std::string& name) {
    T value{};
    size_t length = sizeof value;
    EXPECT_EQ(granary_mallctl(name.c_str(), &value, &length, nullptr, 0), 0) << name;
    return value;
}

size_t allocated() {
    refresh();
    return get<size_t>("stats.allocated");
}

int act(const std::string& name) {
    return granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0);
}

TEST(Mallctl, AllocatedBytesAreExactForEverySize) {
    for (const size_t size : {size_t{1}, size_t{100}, size_t{4000}, size_t{20'000}, size_t{40'000},
                              size_t{1} << 20, size_t{3} << 20}) {
        const size_t before = allocated();
        void* const region = granary_malloc(size);
        const size_t usable = granary_malloc_usable_size(region);
        EXPECT_EQ(allocated() - before, usable) << size;
        granary_free(region);
        EXPECT_EQ(allocated(), before) << size;
    }
}

TEST(Mallctl, TotalsAreTheSumOfTheirParts) {
    void* const regions[] = {granary_malloc(100), granary_malloc(50'000), granary_malloc(9 << 20)};
    refresh();
    EXPECT_EQ(get<size_t>("stats.allocated"), get<size_t>("stats.small_allocated") +
                                                  get<size_t>("stats.large_allocated") +
                                                  get<size_t>("stats.huge_allocated"));
    EXPECT_EQ(get<size_t>("stats.allocated"), get<size_t>("stats.arenas.4096.small.allocated") +
                                                  get<size_t>("stats.arenas.4096.large.allocated"));
    EXPECT_LE(get<size_t>("stats.allocated"), get<size_t>("stats.active"));
    EXPECT_LE(get<size_t>("stats.active"), get<size_t>("stats.mapped"));
    EXPECT_LE(get<size_t>("stats.active"), get<size_t>("stats.resident"));
    EXPECT_GT(get<size_t>("stats.metadata"), 0U);
    EXPECT_EQ(get<size_t>("stats.active"), get<size_t>("stats.arenas.4096.pactive") * 4096);
    for (void* const region : regions) granary_free(region);
}

TEST(Mallctl, BinsOfAllArenasCountLiveRegions) {
    refresh();
    const unsigned bins = get<unsigned>("arenas.nbins");
    for (unsigned j = 0; j < bins; ++j) {
        const std::string bin = std::to_string(j);
        const auto size = get<size_t>("arenas.bin." + bin + ".size");
        const std::string live = "stats.arenas.4096.bins." + bin + ".curregs";
        refresh();
        const auto before = get<size_t>(live);
        std::vector<void*> regions(100);
        for (void*& region : regions) region = granary_malloc(size);
        refresh();
        EXPECT_EQ(get<size_t>(live), before + regions.size()) << size;
        EXPECT_GT(get<size_t>("stats.arenas.4096.bins." + bin + ".curslabs"), 0U);
        for (void* const region : regions) granary_free(region);
        refresh();
        EXPECT_EQ(get<size_t>(live), before) << size;
    }
}

TEST(Mallctl, ThreadCountersMoveWithTheVeryNextCall) {
    std::thread([] {
        auto* const in = get<uint64_t*>("thread.allocatedp");
        auto* const out = get<uint64_t*>("thread.deallocatedp");
        ASSERT_NE(in, nullptr);
        ASSERT_NE(out, nullptr);
        for (const size_t size : {size_t{1}, size_t{1000}, size_t{50'000}, size_t{5} << 20}) {
            const uint64_t allocated_before = *in;
            const uint64_t deallocated_before = *out;
            void* const region = granary_malloc(size);
            const size_t usable = granary_malloc_usable_size(region);
            EXPECT_EQ(*in - allocated_before, usable) << size;
            granary_free(region);
            EXPECT_EQ(*out - deallocated_before, usable) << size;
        }
        EXPECT_EQ(get<uint64_t>("thread.allocated"), *in);
        EXPECT_EQ(get<uint64_t>("thread.deallocated"), *out);
    }).join();
}

TEST(Mallctl, PurgingAllArenasLeavesNoUnusedPages) {
    auto* const region = static_cast<char*>(granary_malloc(size_t{8} << 20));
    std::memset(region, 1, size_t{8} << 20);
    granary_free(region);
    EXPECT_EQ(act("arena.4096.purge"), 0);
    refresh();
    EXPECT_EQ(get<size_t>("stats.arenas.4096.pdirty"), 0U);
    EXPECT_EQ(get<size_t>("stats.arenas.4096.pmuzzy"), 0U);
    const auto narenas = get<unsigned>("arenas.narenas");
    EXPECT_GE(narenas, 1U);
    EXPECT_EQ(act("arena." + std::to_string(narenas) + ".purge"), 0);
    EXPECT_EQ(act("arena.0.decay"), 0);
    EXPECT_EQ(act("arena." + std::to_string(narenas + 1) + ".purge"), ENOENT);
}

TEST(Mallctl, TrimSaysWhetherThereWasAnythingToGive) {
    auto* const region = static_cast<char*>(granary_malloc(size_t{8} << 20));
    std::memset(region, 1, size_t{8} << 20);
    granary_free(region);
    EXPECT_EQ(granary_malloc_trim(0), 1);
    EXPECT_EQ(granary_malloc_trim(0), 0);
}

TEST(Mallctl, DecayTimesCanBeSetAndRead) {
    const auto old = get<int64_t>("arenas.dirty_decay_ms");
    int64_t ms = 1234;
    EXPECT_EQ(granary_mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &ms, sizeof ms), 0);
    EXPECT_EQ(get<int64_t>("arenas.dirty_decay_ms"), 1234);
    ms = old;
    EXPECT_EQ(granary_mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &ms, sizeof ms), 0);
}

TEST(Mallctl, TheBackgroundThreadStartsAndStops) {
    bool on = true;
    ASSERT_EQ(granary_mallctl("background_thread", nullptr, nullptr, &on, sizeof on), 0);
    EXPECT_TRUE(get<bool>("background_thread"));
    on = false;
    ASSERT_EQ(granary_mallctl("background_thread", nullptr, nullptr, &on, sizeof on), 0);
    EXPECT_FALSE(get<bool>("background_thread"));
}

TEST(Mallctl, OneVariableMayBeForBothValues) {
    for (const bool wanted : {true, false}) {
        bool both = wanted;
        size_t length = sizeof both;
        ASSERT_EQ(granary_mallctl("background_thread", &both, &length, &both, sizeof both), 0);
        EXPECT_EQ(both, !wanted) << "what it was";
        EXPECT_EQ(get<bool>("background_thread"), wanted);
    }
}

TEST(Mallctl, VersionsAgree) {
    EXPECT_EQ(std::string(get<const char*>("version")).find(GRANARY_VERSION "-"), 0U);
}

TEST(Mallctl, TheReportGoesToTheWriter) {
    granary_free(granary_malloc(1));  // There is an arena.
    std::string text;
    granary_malloc_stats_print(
        [](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; }, &text, "");
    EXPECT_NE(text.find("___ Begin jemalloc statistics ___"), std::string::npos);
    EXPECT_NE(text.find("arenas[0]:"), std::string::npos);
}

TEST(Mallctl, AWriterMayAllocate) {
    size_t pieces = 0;
    granary_malloc_stats_print(
        [](void* out, const char*) {
            ++*static_cast<size_t*>(out);
            granary_free(granary_malloc(100'000));
            refresh();
        },
        &pieces, "J");
    EXPECT_GT(pieces, 1U);
}

TEST(Mallctl, TheStructSaysWhatTheNamesSay) {
    granary_free(granary_malloc(1));  // there is an arena now
    granary_stats_v1 stats{};
    ASSERT_EQ(granary_stats_v1_read(&stats, sizeof stats), 0);
    EXPECT_EQ(stats.size, sizeof stats);
    EXPECT_EQ(stats.epoch, get<uint64_t>("epoch"));
    EXPECT_EQ(stats.allocated, get<size_t>("stats.allocated"));
    EXPECT_EQ(stats.allocated, stats.small_allocated + stats.large_allocated + stats.huge_allocated);
    EXPECT_EQ(stats.active, get<size_t>("stats.active"));
    EXPECT_EQ(stats.resident, get<size_t>("stats.resident"));
    EXPECT_EQ(stats.retained, get<size_t>("stats.retained"));
    EXPECT_EQ(stats.run_bytes, get<size_t>("stats.arenas.4096.small.resident"));
    EXPECT_EQ(stats.thread_cached, get<size_t>("stats.arenas.4096.tcache_bytes"));
    EXPECT_GT(stats.metadata, 0U);
    EXPECT_GT(stats.arenas, 0U);
    // A caller of an older version has less room.
    granary_stats_v1 older{};
    older.active = 77;
    ASSERT_EQ(granary_stats_v1_read(&older, offsetof(granary_stats_v1, active)), 0);
    EXPECT_EQ(older.size, offsetof(granary_stats_v1, active));
    EXPECT_EQ(older.epoch, stats.epoch + 1);
    EXPECT_EQ(older.active, 77U);
    EXPECT_EQ(granary_stats_v1_read(&older, 4), EINVAL);
    EXPECT_EQ(granary_stats_v1_read(nullptr, sizeof older), EINVAL);
}

TEST(Mallctl, MetricsComeWholeAndEnd) {
    std::string text;
    granary_metrics_print(
        [](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; }, &text);
    EXPECT_EQ(text.find("# TYPE granary_allocated_bytes gauge\n"), 0U);
    EXPECT_EQ(text.rfind("# EOF\n"), text.size() - 6);
}

TEST(Mallctl, ManyThreadsAskAndRefresh) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            for (int i = 0; i < 200; ++i) {
                void* const region = granary_malloc(1000);
                refresh();
                EXPECT_GE(get<size_t>("stats.active"), 1000U);
                EXPECT_EQ(act("thread.tcache.flush"), 0);
                granary_free(region);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
