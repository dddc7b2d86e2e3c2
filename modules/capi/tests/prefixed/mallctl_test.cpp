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
#include <granary/ctl/ctl.hpp>

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

TEST(Mallctl, VersionsAgree) {
    EXPECT_EQ(std::string(get<const char*>("version")).find(GRANARY_VERSION "-"), 0U);
}

TEST(Mallctl, TheReportGoesToTheWriter) {
    granary_free(granary_malloc(1));  // There is an arena.
    std::string text;
    granary_malloc_stats_print(
        [](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; }, &text, "");
    EXPECT_NE(text.find("___ Begin granary statistics ___"), std::string::npos);
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

/// Any name with any buffers: a documented code, and never a byte outside the buffer.
TEST(Mallctl, NamesTimesBuffersAnswerWithDocumentedCodes) {
    uint64_t state = 88172645463325252U;
    auto random = [&] {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
    };
    const size_t lengths[] = {0, 1, 2, 4, 7, 8, 9, 16};
    const char* const indices[] = {"0", "1", "40", "41", "4095", "4096", "4097", "99999999999"};
    for (int round = 0; round < 100'000; ++round) {
        std::string name(granary::ctl::node_info(random() % granary::ctl::node_count()).name);
        for (size_t at = name.find('<'); at != std::string::npos; at = name.find('<')) {
            name.replace(at, name.find('>') + 1 - at, indices[random() % std::size(indices)]);
        }
        if (random() % 8 == 0)
            name.resize(random() % (name.size() + 1));
        if (random() % 16 == 0 && !name.empty())
            name[random() % name.size()] ^= 1;
        // Values are zeros: valid for every node, and they switch nothing on.
        std::array<unsigned char, 16> in{};
        std::array<unsigned char, 32> out;
        out.fill(0xee);
        const size_t given = lengths[random() % std::size(lengths)];
        size_t length = given;
        const bool reads = random() % 2 == 0;
        const bool writes = random() % 4 == 0;
        const int result = granary_mallctl(name.c_str(), reads ? out.data() : nullptr,
                                           reads || random() % 4 == 0 ? &length : nullptr,
                                           writes ? in.data() : nullptr,
                                           writes ? lengths[random() % std::size(lengths)] : 0);
        EXPECT_TRUE(result == 0 || result == ENOENT || result == EPERM || result == EINVAL ||
                    result == EFAULT)
            << name << ": " << result;
        for (size_t i = given; i < out.size(); ++i) ASSERT_EQ(out[i], 0xee) << name;
        if (!reads) {
            for (const unsigned char byte : out) ASSERT_EQ(byte, 0xee) << name;
        }
    }
    int64_t ms = 10'000;
    EXPECT_EQ(granary_mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &ms, sizeof ms), 0);
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
