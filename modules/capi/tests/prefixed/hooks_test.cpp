// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// hooks_test.cpp — experimental.hooks.*: who is called, when, with what.
//
// Role        Hooks stay for the life of a process, so every test runs its statement in one of its
//             own ("threadsafe": the program starts anew). The statement ends it with 0.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

struct ThreadEvent {
    void (*callback)(bool is_alloc, uint64_t allocated, uint64_t deallocated);
    uint64_t interval;
    bool alloc_only;
};

void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::exit(1);
}

int watch(const ThreadEvent& event) {
    ThreadEvent copy = event;
    return granary_mallctl("experimental.hooks.thread_event", nullptr, nullptr, &copy, sizeof copy);
}

template <typename T>
T get(const char* name) {
    T value{};
    size_t length = sizeof value;
    require(granary_mallctl(name, &value, &length, nullptr, 0) == 0, name);
    return value;
}

thread_local uint64_t t_allocations = 0;
thread_local uint64_t t_deallocations = 0;
thread_local uint64_t t_last_allocated = 0;
thread_local uint64_t t_last_deallocated = 0;
thread_local int t_depth = 0;

void note(bool is_alloc, uint64_t allocated, uint64_t deallocated) {
    require(++t_depth == 1, "a callback's own calls trigger nothing");
    granary_free(granary_malloc(5000));
    (is_alloc ? t_allocations : t_deallocations) += 1;
    t_last_allocated = allocated;
    t_last_deallocated = deallocated;
    --t_depth;
}

void note_other(bool /*is_alloc*/, uint64_t /*allocated*/, uint64_t /*deallocated*/) {}

class HooksDeathTest : public testing::Test {
protected:
    HooksDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    ~HooksDeathTest() override { GTEST_FLAG_SET(death_test_style, "fast"); }
};

TEST_F(HooksDeathTest, AThreadIsToldOfEveryIntervalOfBytes) {
    EXPECT_EXIT(
        {
            require(watch({note, 1000, false}) == 0, "registered");
            for (int i = 0; i < 100; ++i) granary_free(granary_malloc(500));  // 512 bytes
            require(t_allocations == 50, "every second allocation");
            require(t_deallocations == 50, "every second deallocation");
            require(t_last_allocated >= 100 * 512, "the totals are the thread's");
            require(t_last_deallocated >= 100 * 512, "of both kinds");
            void* const large = granary_malloc(3 << 20);
            require(t_allocations == 51, "however many intervals an allocation is");
            require(t_last_allocated - t_last_deallocated >= 3 << 20, "it is counted already");
            void* const grown = granary_realloc(large, 6 << 20);
            require(t_allocations == 52 && t_deallocations == 51, "realloc is both");
            granary_free(grown);
            require(t_deallocations == 52, "huge ones too");
            void* regions[8];
            require(granary_alloc_batch(500, 0, regions, 8) == 8, "a batch");
            require(t_allocations == 56, "each region of a batch counts");
            for (void* region : regions) granary_dallocx(region, GRANARY_MALLOCX_TCACHE_NONE);
            require(t_deallocations == 56, "so does what goes past the cache");
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(HooksDeathTest, EventsAreForAllocationOnlyIfWantedAndFourAtMost) {
    EXPECT_EXIT(
        {
            require(watch({nullptr, 1000, false}) == EINVAL, "no callback");
            require(watch({note, 0, false}) == EINVAL, "no interval");
            require(watch({note, 1, true}) == 0, "registered");
            require(watch({note, 1, true}) == 0, "once more is no error");
            granary_free(granary_malloc(10));
            require(t_allocations == 1 && t_deallocations == 0, "allocation only, and once");
            require(watch({note_other, 1, true}) == 0, "a second one");
            require(watch({note_other, 1, false}) == 0, "a third one");
            require(watch({note_other, 2, false}) == 0, "a fourth one");
            require(watch({note_other, 3, false}) == EINVAL, "a fifth one");
            require(watch({note_other, 2, false}) == 0, "but one that is there already");
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(HooksDeathTest, ThreadsThatRunAlreadyJoinAndNewOnesBeginWithAWholeInterval) {
    EXPECT_EXIT(
        {
            std::atomic<int> stage{0};
            std::thread early([&] {
                granary_free(granary_malloc(10));
                stage = 1;
                while (stage != 2) std::this_thread::yield();
                // Hits of the cache alone, until a look at the clock finds the event.
                while (t_allocations == 0) granary_free(granary_malloc(100));
            });
            while (stage != 1) std::this_thread::yield();
            require(watch({note, 1 << 20, false}) == 0, "registered");
            stage = 2;
            early.join();
            for (int i = 0; i < 3; ++i) {  // each takes over what the last one left
                std::thread([] {
                    for (int k = 0; k < 1000; ++k) granary_free(granary_malloc(1000));  // 1024
                    require(t_allocations == 0, "not yet");
                    for (int k = 0; k < 24; ++k) granary_free(granary_malloc(1000));
                    require(t_allocations == 1, "a MiB");
                }).join();
            }
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(HooksDeathTest, CountersAskedForOnceCountInEveryMode) {
    EXPECT_EXIT(
        {
            const auto* const made = get<const uint64_t*>("thread.allocatedp");
            const auto* const freed = get<const uint64_t*>("thread.deallocatedp");
            for (const bool enabled : {false, true, false, true}) {
                bool value = enabled;
                require(granary_mallctl("thread.tcache.enabled", nullptr, nullptr, &value, 1) == 0,
                        "switched");
                for (const size_t size : {size_t{100}, size_t{5000}, size_t{100'000}, size_t{3} << 20}) {
                    const uint64_t made_before = *made;
                    const uint64_t freed_before = *freed;
                    void* const region = granary_malloc(size);
                    const size_t usable = granary_malloc_usable_size(region);
                    require(*made - made_before == usable, "allocated");
                    granary_free(region);
                    require(*freed - freed_before == usable, "deallocated");
                }
            }
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

void say(const char* line) {
    std::fputs("the hook: ", stderr);
    std::fputs(line, stderr);
    std::fputs("\n", stderr);
}

void set_say() {
    void (*hook)(const char*) = say;
    require(granary_mallctl("experimental.hooks.safety_check_abort", nullptr, nullptr, &hook,
                            sizeof hook) == 0,
            "set");
}

TEST_F(HooksDeathTest, TheMisuseHookGetsTheLineBeforeTheProgramAborts) {
    EXPECT_EXIT(
        {
            set_say();
            void* const region = granary_malloc(100);
            granary_free(region);
            granary_free(region);
        },
        testing::KilledBySignal(SIGABRT),
        "the hook: double free of 0x[0-9a-f]+ \\(size class 112\\)\n<granary>: double free of");
    EXPECT_EXIT(
        {
            set_say();
            granary_free(static_cast<char*>(granary_malloc(100)) + 16);
        },
        testing::KilledBySignal(SIGABRT), "the hook: free of .*interior.*\n<granary>: free of");
    EXPECT_EXIT(
        {
            set_say();
            granary_sdallocx(granary_malloc(100), 5000, 0);
        },
        testing::KilledBySignal(SIGABRT), "the hook: sized free of .*\n<granary>: sized free of");
}

TEST_F(HooksDeathTest, WithoutAMisuseHookTheLineComesOnce) {
    EXPECT_EXIT(
        {
            set_say();
            void (*none)(const char*) = nullptr;
            require(granary_mallctl("experimental.hooks.safety_check_abort", nullptr, nullptr,
                                    &none, sizeof none) == 0,
                    "taken away");
            std::fputs("begin\n", stderr);
            granary_free(&none);
        },
        testing::KilledBySignal(SIGABRT), "^begin\n<granary>: free of 0x[0-9a-f]+, which granary");
}

}  // namespace
