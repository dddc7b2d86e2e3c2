// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_test.cpp — arenas and thread caches that a program makes by name, over the real heap.
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

template <typename T>
T get(const std::string& name) {
    T value{};
    size_t length = sizeof value;
    EXPECT_EQ(granary_mallctl(name.c_str(), &value, &length, nullptr, 0), 0) << name;
    return value;
}

template <typename T>
int set(const std::string& name, T value) {
    return granary_mallctl(name.c_str(), nullptr, nullptr, &value, sizeof value);
}

int act(const std::string& name) {
    return granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0);
}

void refresh() {
    ASSERT_EQ(set<uint64_t>("epoch", 1), 0);
}

std::string of_arena(unsigned index, const char* leaf) {
    return "arena." + std::to_string(index) + "." + leaf;
}

TEST(Explicit, AnArenaIsMadeUsedLookedUpAndDestroyed) {
    const auto before = get<unsigned>("arenas.narenas");
    const auto index = get<unsigned>("arenas.create");
    EXPECT_GE(index, 1U);
    EXPECT_GE(get<unsigned>("arenas.narenas"), before);
    EXPECT_TRUE(get<bool>(of_arena(index, "initialized")));
    void* const region = granary_mallocx(1000, GRANARY_MALLOCX_ARENA(index));
    ASSERT_NE(region, nullptr);
    unsigned found = 0;
    size_t length = sizeof found;
    void* asked = region;
    EXPECT_EQ(granary_mallctl("arenas.lookup", &found, &length, &asked, sizeof asked), 0);
    EXPECT_EQ(found, index);
    asked = &found;
    EXPECT_EQ(granary_mallctl("arenas.lookup", &found, &length, &asked, sizeof asked), EINVAL);
    refresh();
    const std::string stats = "stats.arenas." + std::to_string(index);
    EXPECT_EQ(get<size_t>(stats + ".small.allocated"), granary_malloc_usable_size(region));
    EXPECT_EQ(act(of_arena(index, "reset")), 0);
    refresh();
    EXPECT_EQ(get<size_t>(stats + ".small.allocated"), 0U);
    EXPECT_EQ(act(of_arena(index, "destroy")), 0);
    EXPECT_EQ(act(stats + ".small.allocated"), ENOENT);
    EXPECT_GT(get<uint64_t>("stats.arenas.4097.small.nmalloc"), 0U);
    EXPECT_EQ(act(of_arena(index, "destroy")), EFAULT);
    EXPECT_EQ(act("arena.0.destroy"), EFAULT);
}

TEST(Explicit, AThreadMovesToAnArenaAndItsRegionsAreThere) {
    std::thread([] {
        const auto index = get<unsigned>("arenas.create");
        EXPECT_EQ(set("thread.arena", index), 0);
        EXPECT_EQ(get<unsigned>("thread.arena"), index);
        void* region = granary_malloc(100);
        unsigned found = 0;
        size_t length = sizeof found;
        EXPECT_EQ(granary_mallctl("arenas.lookup", &found, &length, &region, sizeof region), 0);
        EXPECT_EQ(found, index);
        granary_free(region);
        EXPECT_EQ(act(of_arena(index, "destroy")), EFAULT);  // the thread is there
        EXPECT_EQ(set("thread.arena", 0U), 0);
        EXPECT_EQ(act(of_arena(index, "destroy")), 0);
        EXPECT_EQ(set("thread.arena", 4000U), EFAULT);
    }).join();
}

TEST(Explicit, ACacheIsMadeFlushedAndDestroyed) {
    const auto cache = get<unsigned>("tcache.create");
    void* const region = granary_mallocx(64, GRANARY_MALLOCX_TCACHE(cache));
    granary_dallocx(region, GRANARY_MALLOCX_TCACHE(cache));
    EXPECT_EQ(set("tcache.flush", cache), 0);
    EXPECT_EQ(set("tcache.destroy", cache), 0);
    EXPECT_EQ(set("tcache.destroy", cache), EFAULT);
    uint64_t wide = 0;
    size_t length = sizeof wide;
    EXPECT_EQ(granary_mallctl("tcache.create", &wide, &length, nullptr, 0), EINVAL);
    EXPECT_EQ(length, 0U);
}

TEST(Explicit, ANameIsKeptUpTo31Characters) {
    const auto index = get<unsigned>("arenas.create");
    char text[32];
    char* pointer = text;
    size_t length = sizeof pointer;
    const std::string name = of_arena(index, "name");
    EXPECT_EQ(granary_mallctl(name.c_str(), &pointer, &length, nullptr, 0), 0);
    EXPECT_EQ(std::string(text), "manual_" + std::to_string(index));
    EXPECT_EQ(set(name, "0123456789012345678901234567890123456789"), 0);
    EXPECT_EQ(granary_mallctl(name.c_str(), &pointer, &length, nullptr, 0), 0);
    EXPECT_STREQ(text, "0123456789012345678901234567890");
    EXPECT_EQ(set(name, "a \"quoted\"\nname"), 0);
    std::string json;
    granary_malloc_stats_print(
        [](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; }, &json, "J");
    EXPECT_NE(json.find("\"name\":\"a \\\"quoted\\\"\\u000aname\""), std::string::npos);
    EXPECT_EQ(act(of_arena(index, "destroy")), 0);
}

TEST(Explicit, AThreadWithoutACacheStillCountsAndWorks) {
    std::thread([] {
        EXPECT_TRUE(get<bool>("thread.tcache.enabled"));
        EXPECT_EQ(set("thread.tcache.enabled", false), 0);
        EXPECT_FALSE(get<bool>("thread.tcache.enabled"));
        EXPECT_EQ(act("thread.tcache.flush"), EFAULT);
        void* const region = granary_malloc(100);
        refresh();
        EXPECT_EQ(get<size_t>("stats.arenas." + std::to_string(get<unsigned>("thread.arena")) +
                              ".tcache_bytes"),
                  0U);
        granary_free(region);
        EXPECT_EQ(set("thread.tcache.enabled", true), 0);
        EXPECT_EQ(act("thread.tcache.flush"), 0);
    }).join();
}

TEST(Explicit, ClassesBeyondTheLimitAreNotCached) {
    std::thread([] {
        const std::string cached =
            "stats.arenas." + std::to_string(get<unsigned>("thread.arena")) + ".tcache_bytes";
        EXPECT_EQ(set<size_t>("thread.tcache.max", 1000), 0);
        EXPECT_EQ(get<size_t>("thread.tcache.max"), 1024U);
        granary_free(granary_malloc(2000));
        refresh();
        EXPECT_EQ(get<size_t>(cached), 0U);
        granary_free(granary_malloc(500));
        refresh();
        EXPECT_GT(get<size_t>(cached), 0U);
        EXPECT_EQ(set("thread.tcache.ncached_max.write", "8-1024:0"), 0);
        granary_free(granary_malloc(500));
        refresh();
        EXPECT_EQ(get<size_t>(cached), 0U);
    }).join();
}

TEST(Explicit, ThePeakIsTheMostThatWasHeldSinceTheReset) {
    std::thread([] {
        EXPECT_EQ(act("thread.peak.reset"), 0);
        void* const large = granary_malloc(300'000);
        void* const small = granary_malloc(100);
        const size_t both = granary_malloc_usable_size(large) + granary_malloc_usable_size(small);
        granary_free(large);
        EXPECT_EQ(get<uint64_t>("thread.peak.read"), both);
        EXPECT_EQ(act("thread.peak.reset"), 0);
        EXPECT_EQ(get<uint64_t>("thread.peak.read"), 0U);
        granary_free(small);
        EXPECT_EQ(get<uint64_t>("thread.peak.read"), 0U);
    }).join();
}

TEST(Explicit, AnIdleThreadKeepsNothing) {
    std::thread([] {
        const std::string arena = "stats.arenas." + std::to_string(get<unsigned>("thread.arena"));
        granary_free(granary_malloc(500));
        granary_free(granary_malloc(100'000));
        EXPECT_EQ(act("thread.idle"), 0);
        refresh();
        EXPECT_EQ(get<size_t>(arena + ".tcache_bytes"), 0U);
    }).join();
}

TEST(Explicit, PactivepIsTheLiveCounter) {
    granary_free(granary_malloc(1));  // there is an arena now
    const auto* const pages = get<const size_t*>("experimental.arenas.0.pactivep");
    const auto index = get<unsigned>("arenas.create");
    const auto* const mine =
        get<const size_t*>("experimental.arenas." + std::to_string(index) + ".pactivep");
    ASSERT_NE(pages, mine);
    EXPECT_EQ(*mine, 0U);
    void* const region = granary_mallocx(100'000, GRANARY_MALLOCX_ARENA(index));
    EXPECT_GE(*mine, 25U);
    granary_dallocx(region, 0);
    EXPECT_EQ(act(of_arena(index, "destroy")), 0);
    EXPECT_GE(get<size_t>("approximate_stats.active"), *pages * 4096);
}

}  // namespace
