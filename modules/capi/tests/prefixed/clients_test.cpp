// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// clients_test.cpp — the questions that well-known programs ask, in their order and with their types.
//
// Role        Each test is what one program does before it trusts the allocator, or while it serves.
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

constexpr unsigned kAllArenas = 4096;

/// Succeeds only with exactly this type, as callers that assert on the result need it.
template <typename T>
T ask(const std::string& name) {
    T value{};
    size_t length = sizeof value;
    EXPECT_EQ(granary_mallctl(name.c_str(), &value, &length, nullptr, 0), 0) << name;
    EXPECT_EQ(length, sizeof value) << name;
    return value;
}

uint64_t advance_epoch() {
    uint64_t epoch = 1;
    size_t length = sizeof epoch;
    EXPECT_EQ(granary_mallctl("epoch", &epoch, &length, &epoch, length), 0);
    return epoch;
}

std::string report(const char* letters) {
    std::string text;
    granary_malloc_stats_print(
        [](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; }, &text,
        letters);
    return text;
}

TEST(Clients, RedisReadsItsMemoryFiguresAndEveryBin) {
    std::vector<void*> values;
    for (size_t i = 0; i < 5000; ++i) values.push_back(granary_malloc(i % 300));
    advance_epoch();
    const auto resident = ask<size_t>("stats.resident");
    const auto active = ask<size_t>("stats.active");
    const auto allocated = ask<size_t>("stats.allocated");
    static_cast<void>(ask<size_t>("stats.retained"));
    EXPECT_LE(allocated, active);
    EXPECT_LE(active, resident);
    const std::string all = "stats.arenas." + std::to_string(kAllArenas) + ".";
    const auto page = ask<size_t>("arenas.page");
    EXPECT_EQ(ask<size_t>(all + "pactive") * page, active);
    static_cast<void>(ask<size_t>(all + "pmuzzy"));
    EXPECT_EQ(ask<size_t>(all + "small.allocated") + ask<size_t>(all + "large.allocated"),
              allocated);
    EXPECT_GE(ask<size_t>(all + "small.resident"), ask<size_t>(all + "small.allocated"));
    size_t wasted = 0;
    for (unsigned j = 0; j < ask<unsigned>("arenas.nbins"); ++j) {
        const std::string bin = "arenas.bin." + std::to_string(j) + ".";
        const auto size = ask<size_t>(bin + "size");
        const auto regions = ask<uint32_t>(bin + "nregs");
        const auto live = ask<size_t>(all + "bins." + std::to_string(j) + ".curregs");
        const auto runs = ask<size_t>(all + "bins." + std::to_string(j) + ".curslabs");
        ASSERT_GE(runs * regions, live) << j;
        wasted += (runs * regions - live) * size;
    }
    EXPECT_LT(wasted, active);
    bool background = true;
    EXPECT_EQ(granary_mallctl("background_thread", nullptr, nullptr, &background, 1), 0);
    background = false;
    EXPECT_EQ(granary_mallctl("background_thread", nullptr, nullptr, &background, 1), 0);
    for (void* value : values) granary_free(value);
}

TEST(Clients, RedisPurgesByTheNumberOfArenas) {
    unsigned narenas = 0;
    size_t length = sizeof narenas;
    ASSERT_EQ(granary_mallctl("arenas.narenas", &narenas, &length, nullptr, 0), 0);
    char name[32];
    std::snprintf(name, sizeof name, "arena.%u.purge", narenas);
    EXPECT_EQ(granary_mallctl(name, nullptr, nullptr, nullptr, 0), 0);
}

TEST(Clients, ValkeyKeepsNumbersOfBinsSixDeep) {
    const auto bins = ask<unsigned>("arenas.nbins");
    for (unsigned j = 0; j < bins; ++j) {
        for (const char* leaf : {"curregs", "curslabs", "nonfull_slabs"}) {
            char name[128];
            std::snprintf(name, sizeof name, "stats.arenas.%u.bins.%u.%s", kAllArenas, j, leaf);
            size_t mib[6];
            size_t depth = 6;
            ASSERT_EQ(granary_mallctlnametomib(name, mib, &depth), 0);
            EXPECT_EQ(depth, 6U);
            size_t value = 0;
            size_t length = sizeof value;
            ASSERT_EQ(granary_mallctlbymib(mib, depth, &value, &length, nullptr, 0), 0);
            EXPECT_EQ(value, ask<size_t>(name));
        }
    }
    size_t mib[6];
    size_t depth = 6;
    ASSERT_EQ(granary_mallctlnametomib("epoch", mib, &depth), 0);
    uint64_t epoch = 1;
    size_t length = sizeof epoch;
    EXPECT_EQ(granary_mallctlbymib(mib, depth, &epoch, &length, &epoch, length), 0);
}

TEST(Clients, ClickHouseCollectsItsAsynchronousMetrics) {
    advance_epoch();
    for (const char* name : {"allocated", "active", "metadata", "metadata_thp", "resident", "mapped",
                             "retained", "background_thread.num_threads"}) {
        static_cast<void>(ask<size_t>(std::string("stats.") + name));
    }
    for (const char* name : {"pactive", "pdirty", "pmuzzy"})
        static_cast<void>(ask<size_t>("stats.arenas.4096." + std::string(name)));
    for (const char* name : {"dirty_purged", "muzzy_purged"})
        static_cast<void>(ask<uint64_t>("stats.arenas.4096." + std::string(name)));
    // Profiling is asked for, and its absence is an answer.
    bool off = false;
    size_t length = sizeof off;
    EXPECT_EQ(granary_mallctl("prof.active", &off, &length, &off, sizeof off), 0);
    EXPECT_EQ(granary_mallctl("prof.dump", nullptr, nullptr, nullptr, 0), ENOENT);
    void* hook = nullptr;
    EXPECT_EQ(granary_mallctl("experimental.hooks.prof_sample", nullptr, nullptr, &hook, 8), ENOENT);
    // The cache's own arena.
    const auto arena = ask<unsigned>("arenas.create");
    void* const block = granary_mallocx(1 << 20, GRANARY_MALLOCX_ARENA(arena));
    granary_sdallocx(block, 1 << 20, 0);
    EXPECT_EQ(granary_mallctl(("arena." + std::to_string(arena) + ".purge").c_str(), nullptr, nullptr,
                              nullptr, 0),
              0);
    for (unsigned j = 0; j < ask<unsigned>("arenas.nbins"); ++j) {
        const std::string bin = "stats.arenas.4096.bins." + std::to_string(j) + ".";
        EXPECT_GE(ask<uint64_t>(bin + "nmalloc"), ask<uint64_t>(bin + "ndalloc"));
    }
    for (unsigned j = 0; j < ask<unsigned>("arenas.nlextents"); ++j) {
        const std::string large = "stats.arenas.4096.lextents." + std::to_string(j) + ".";
        EXPECT_GE(ask<uint64_t>(large + "nmalloc"), ask<uint64_t>(large + "ndalloc"));
    }
}

TEST(Clients, CockroachCutsTheReportAtTheFirstArena) {
    granary_free(granary_malloc(1));
    advance_epoch();
    for (const char* name : {"allocated", "active", "metadata", "resident", "mapped", "retained"})
        static_cast<void>(ask<size_t>(std::string("stats.") + name));
    const std::string text = report("");
    const size_t cut = text.find("arenas[");
    ASSERT_NE(cut, std::string::npos);
    const std::string summary = text.substr(0, cut);
    EXPECT_NE(summary.find("___ Begin jemalloc statistics ___"), std::string::npos);
    EXPECT_NE(summary.find("Allocated: "), std::string::npos);
    EXPECT_EQ(granary_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0), 0);
}

TEST(Clients, RistrettoReadsEightBytesEachAndPrintsTheShortReport) {
    uint64_t epoch = 1;
    size_t length = 8;
    EXPECT_EQ(granary_mallctl("epoch", &epoch, &length, &epoch, length), 0);
    for (const char* name : {"stats.allocated", "stats.active", "stats.resident", "stats.retained"})
        EXPECT_EQ(sizeof ask<uint64_t>(name), 8U);
    const std::string text = report("mdablxe");
    EXPECT_NE(text.find("Allocated: "), std::string::npos);
    EXPECT_EQ(text.find("arenas["), std::string::npos);
    EXPECT_EQ(text.find("bins:"), std::string::npos);
}

/// folly decides by this whether it runs on jemalloc.
TEST(Clients, FollySeesTheCounterMoveWithItsVeryNextMalloc) {
    std::thread([] {
        uint64_t* counter = nullptr;
        size_t length = sizeof counter;
        ASSERT_EQ(granary_mallctl("thread.allocatedp", &counter, &length, nullptr, 0), 0);
        ASSERT_EQ(length, sizeof counter);
        const uint64_t before = *counter;
        void* const region = granary_malloc(1);
        EXPECT_NE(*counter, before);
        granary_free(region);
    }).join();
}

TEST(Clients, TikvAdvancesTheEpochByExactlyOne) {
    const uint64_t first = advance_epoch();
    EXPECT_EQ(advance_epoch(), first + 1);
    EXPECT_EQ(ask<uint64_t>("epoch"), first + 1);
    size_t mib[1];
    size_t depth = 1;
    ASSERT_EQ(granary_mallctlnametomib("epoch", mib, &depth), 0);
    uint64_t any = 0;
    EXPECT_EQ(granary_mallctlbymib(mib, depth, nullptr, nullptr, &any, sizeof any), 0);
    EXPECT_EQ(ask<uint64_t>("epoch"), first + 2);
}

/// A monitoring thread looks at the counters of all others, whose addresses it was given.
TEST(Clients, TikvReadsTheCountersOfAnotherThread) {
    std::atomic<const uint64_t*> shared{nullptr};
    std::atomic<bool> seen{false};
    std::thread worker([&] {
        shared.store(ask<const uint64_t*>("thread.allocatedp"), std::memory_order_release);
        std::vector<void*> regions;
        while (!seen.load(std::memory_order_acquire)) {
            regions.push_back(granary_malloc(64));
            std::this_thread::yield();
        }
        EXPECT_EQ(ask<const uint64_t*>("thread.allocatedp"),
                  shared.load(std::memory_order_relaxed));
        for (void* region : regions) granary_free(region);
    });
    const uint64_t* counter = nullptr;
    while ((counter = shared.load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
    const auto now = [&] { return __atomic_load_n(counter, __ATOMIC_RELAXED); };
    const uint64_t first = now();
    while (now() == first) std::this_thread::yield();
    seen.store(true, std::memory_order_release);
    worker.join();
}

TEST(Clients, ArrowSetsDecayTimesForAll) {
    const auto old = ask<int64_t>("arenas.dirty_decay_ms");
    for (int64_t ms : {int64_t{0}, old}) {
        EXPECT_EQ(granary_mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &ms, sizeof ms), 0);
    }
    EXPECT_EQ(granary_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0), 0);
}

TEST(Clients, MariadbShowsTheVersion) {
    const char* const version = ask<const char*>("version");
    EXPECT_EQ(std::string(version).find(GRANARY_VERSION), 0U);
}

}  // namespace
