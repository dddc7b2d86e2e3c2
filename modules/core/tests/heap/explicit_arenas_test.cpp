// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_arenas_test.cpp — arenas that the program makes, names and enters.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "granary/core/extended.hpp"
#include "support/heap_fixture.hpp"

namespace granary::core {
namespace {

using tests::kKiB;
using tests::kMiB;

std::string name_of(unsigned index) {
    char name[kArenaNameSize];
    return arena_name(index, name) ? std::string(name) : std::string("?");
}

class ExplicitArenas : public tests::HeapFixture {
protected:
    void TearDown() override {
        ASSERT_TRUE(bind_thread(home_));
        HeapFixture::TearDown();
    }
    unsigned home_ = thread_arena();
};

TEST_F(ExplicitArenas, HaveIndicesNamesAndNoThreads) {
    unsigned before = 0;
    unsigned arena = 0;
    do {  // indices of arenas that ended in other tests come first
        before = arena_count();
        arena = create_arena();
        ASSERT_NE(arena, kNoIndex);
    } while (arena_count() == before);
    EXPECT_EQ(arena, before);
    EXPECT_EQ(arena_count(), before + 1);
    EXPECT_TRUE(arena_exists(arena));
    EXPECT_TRUE(is_explicit_arena(arena));
    EXPECT_FALSE(is_explicit_arena(0));
    EXPECT_EQ(arena_threads(arena), 0U);
    EXPECT_EQ(name_of(arena), "manual_" + std::to_string(arena));
    EXPECT_EQ(name_of(0), "auto_0");
}

TEST_F(ExplicitArenas, DoNotExistBeforeTheyAreMade) {
    const unsigned none = arena_count();
    EXPECT_FALSE(arena_exists(none));
    EXPECT_FALSE(arena_exists(kNoIndex));
    EXPECT_FALSE(is_explicit_arena(none));
    EXPECT_FALSE(bind_thread(none));
    EXPECT_FALSE(set_arena_name(none, "x"));
    EXPECT_FALSE(set_arena_dirty_decay_ms(none, 1));
    EXPECT_EQ(arena_dirty_decay_ms(none), -2);
    EXPECT_EQ(name_of(none), "?");
}

TEST_F(ExplicitArenas, KeepTheFirst31CharactersOfAName) {
    const unsigned arena = create_arena();
    ASSERT_TRUE(set_arena_name(arena, "cache"));
    EXPECT_EQ(name_of(arena), "cache");
    ASSERT_TRUE(set_arena_name(arena, "0123456789abcdef0123456789abcdefXYZ"));
    EXPECT_EQ(name_of(arena), "0123456789abcdef0123456789abcde");
    EXPECT_FALSE(set_arena_name(arena, nullptr));
}

TEST_F(ExplicitArenas, HaveDecayTimesOfTheirOwn) {
    const int64_t others = arena_dirty_decay_ms(0);
    const unsigned arena = create_arena();
    EXPECT_EQ(arena_dirty_decay_ms(arena), dirty_decay_ms());
    ASSERT_TRUE(set_arena_dirty_decay_ms(arena, 123));
    ASSERT_TRUE(set_arena_muzzy_decay_ms(arena, -1));
    EXPECT_EQ(arena_dirty_decay_ms(arena), 123);
    EXPECT_EQ(arena_muzzy_decay_ms(arena), -1);
    EXPECT_EQ(arena_dirty_decay_ms(0), others);
}

TEST_F(ExplicitArenas, MadeLaterStartWithTheDefaults) {
    const int64_t dirty = dirty_decay_ms();
    const unsigned old = create_arena();
    set_default_dirty_decay_ms(77);
    const unsigned arena = create_arena();
    EXPECT_EQ(arena_dirty_decay_ms(arena), 77);
    EXPECT_EQ(arena_dirty_decay_ms(old), dirty);
    set_default_dirty_decay_ms(dirty);
}

TEST_F(ExplicitArenas, ServeTheThreadThatEnters) {
    const unsigned arena = create_arena();
    void* const mine = allocate(100);
    ASSERT_TRUE(bind_thread(arena));
    EXPECT_EQ(thread_arena(), arena);
    EXPECT_EQ(arena_threads(arena), 1U);
    std::vector<void*> regions;
    for (const size_t size : {size_t{1}, size_t{100}, 5 * kKiB, 100 * kKiB, 3 * kMiB}) {
        for (int i = 0; i < 20; ++i) {
            regions.push_back(allocate(size));
            ASSERT_EQ(arena_of_pointer(regions.back()), arena) << size;
        }
    }
    EXPECT_EQ(arena_of_pointer(mine), home_);
    deallocate(mine);
    check_invariants();
    ASSERT_TRUE(bind_thread(home_));
    EXPECT_EQ(arena_threads(arena), 0U);
    void* const again = allocate(100);
    EXPECT_EQ(arena_of_pointer(again), home_);
    deallocate(again);
    for (void* region : regions) deallocate(region);
}

TEST_F(ExplicitArenas, KeepTheAddressesOfAThreadsCounters) {
    std::thread([] {
        uint64_t* const made = thread_allocated_counter();
        const uint64_t before = *made;
        ASSERT_TRUE(bind_thread(create_arena()));
        EXPECT_EQ(thread_allocated_counter(), made);
        deallocate(allocate(64));
        EXPECT_EQ(*made, before + 64);
    }).join();
}

TEST_F(ExplicitArenas, AreLeftByThreadsThatEnd) {
    const unsigned arena = create_arena();
    void* left = nullptr;
    std::thread([&] {
        ASSERT_TRUE(bind_thread(arena));
        left = allocate(48);
        deallocate(allocate(48));
    }).join();
    EXPECT_EQ(arena_threads(arena), 0U);
    // Whoever comes next is not served by it.
    for (int i = 0; i < 4; ++i) {
        std::thread([&] {
            void* const region = allocate(48);
            EXPECT_NE(arena_of_pointer(region), arena);
            deallocate(region);
        }).join();
    }
    deallocate(left);
}

TEST_F(ExplicitArenas, LeaveAutomaticOnesToTheNextThread) {
    // Threads that go to an arena of the program's do not use up the automatic ones.
    const unsigned arena = create_arena();
    std::thread([&] {
        const unsigned own = thread_arena();
        ASSERT_TRUE(bind_thread(arena));
        const unsigned before = arena_count();
        unsigned next = kNoIndex;
        std::thread([&] { next = thread_arena(); }).join();
        EXPECT_LE(arena_count(), before + 1);
        EXPECT_NE(next, arena);
        EXPECT_FALSE(is_explicit_arena(own));
    }).join();
}

TEST_F(ExplicitArenas, CanBeSharedByThreads) {
    constexpr int kThreads = 4;
    const unsigned arena = create_arena();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            ASSERT_TRUE(bind_thread(arena));
            std::vector<void*> regions;
            for (unsigned i = 0; i < 20'000; ++i) {
                const size_t size = (i * 37) % 3000 + 1;
                void* const region = allocate(size);
                ASSERT_EQ(arena_of_pointer(region), arena);
                std::memset(region, t, size);
                regions.push_back(region);
                if (regions.size() == 100) {
                    for (void* r : regions) {
                        ASSERT_EQ(*static_cast<unsigned char*>(r), t);
                        deallocate(r);
                    }
                    regions.clear();
                }
            }
            for (void* r : regions) deallocate(r);
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(ExplicitArenas, AreMadeAndEndedByThreadsAtOnce) {
    // An arena that is being emptied is not given to whoever asks for one meanwhile.
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t) {
        threads.emplace_back([t] {
            for (unsigned i = 0; i < 2000; ++i) {
                const unsigned arena = create_arena();
                ASSERT_NE(arena, kNoIndex);
                const Request request{.arena = arena, .cache = kNoCache};
                std::vector<void*> regions;
                for (unsigned k = 0; k < 60; ++k) {
                    const size_t size = k % 16 == 15 ? 300'000 : (i * 31 + k * 97) % 4000 + 1;
                    regions.push_back(allocate_with(size, request));
                    ASSERT_NE(regions.back(), nullptr);
                    ASSERT_EQ(arena_of_pointer(regions.back()), arena);
                    *static_cast<unsigned*>(regions.back()) = t;
                }
                for (unsigned k = 0; k < 30; ++k) {
                    ASSERT_EQ(*static_cast<unsigned*>(regions[k]), t);
                    deallocate_with(regions[k], kNoCache);
                }
                ASSERT_TRUE(destroy_arena(arena));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST(ArenaOfPointer, SaysNothingAboutForeignAddresses) {
    int local = 0;
    EXPECT_EQ(arena_of_pointer(&local), kNoIndex);
    EXPECT_EQ(arena_of_pointer(nullptr), kNoIndex);
    void* const block = allocate(5 * kMiB);
    EXPECT_EQ(arena_of_pointer(static_cast<char*>(block) + 3 * kMiB), thread_arena());
    deallocate(block);
    EXPECT_EQ(arena_of_pointer(block), kNoIndex);
}

}  // namespace
}  // namespace granary::core
