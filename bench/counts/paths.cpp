// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// paths.cpp — walks the paths of an allocator one by one, each in a section that the stepper
// counts, after a warm-up that it does not see.
//
// Usage       paths [short|long]   short: to be stepped; long: enough rounds to see a system call
//                                  that comes once in a while
// Invariants  P1  Nothing but the allocator is called inside a section (and pthread_create in
//                 `thread`).
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "marker.hpp"

using counts::Marker;
using counts::mark;

namespace {

constexpr std::size_t kObjects = 1000;
std::uint64_t g_factor = 1;  // 1 in short runs

void* checked(void* pointer) {
    if (pointer == nullptr) {
        std::fputs("paths: out of memory\n", stderr);
        std::exit(1);
    }
    asm volatile("" : : "g"(pointer) : "memory");
    return pointer;
}

/// Runs `body(rounds)` unseen until all is warm, then counted; each round is `operations`.
template <typename Body>
void section(const char* name, std::uint64_t warm, std::uint64_t rounds, std::uint64_t operations,
             Body body) {
    rounds *= g_factor;
    body(warm);
    mark(Marker::kBegin, name);
    body(rounds);
    mark(Marker::kEnd, name, rounds * operations);
}

void pairs(const char* name, std::size_t size, std::uint64_t warm, std::uint64_t rounds) {
    section(name, warm, rounds, 1, [size](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) std::free(checked(std::malloc(size)));
    });
}

void hits() {
    void* objects[64];
    const auto fill = [&](int n) {
        for (int i = 0; i < n; ++i) objects[i] = checked(std::malloc(64));
    };
    const auto drop = [&](int n) {
        for (int i = 0; i < n; ++i) std::free(objects[i]);
    };
    fill(64);
    drop(64);
    fill(8);
    mark(Marker::kBegin, "malloc_hit");
    for (int i = 8; i < 24; ++i) objects[i] = checked(std::malloc(64));
    mark(Marker::kEnd, "malloc_hit", 16);
    mark(Marker::kBegin, "free_hit");
    for (int i = 8; i < 24; ++i) std::free(objects[i]);
    mark(Marker::kEnd, "free_hit", 16);
    drop(8);
}

void bulk() {
    static void* objects[kObjects];
    section("fifo_1000", 50, 1, kObjects, [](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            for (void*& object : objects) object = checked(std::malloc(64));
            for (void* object : objects) std::free(object);
        }
    });
    section("lifo_1000", 50, 1, kObjects, [](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            for (void*& object : objects) object = checked(std::malloc(64));
            for (std::size_t k = kObjects; k-- > 0;) std::free(objects[k]);
        }
    });
}

/// What malloc costs beyond a hit when the cache has to be refilled: from memory that was never
/// handed out, and from holes between live objects.
void refills() {
    constexpr std::size_t kMany = 1U << 15;
    constexpr std::size_t kSeen = 1500;
    static void* objects[kMany];
    const auto fill = [](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) objects[i] = checked(std::malloc(112));
    };
    fill(0, kMany / 2);
    mark(Marker::kBegin, "refill_fresh");
    fill(kMany / 2, kMany / 2 + kSeen);
    mark(Marker::kEnd, "refill_fresh", kSeen);
    fill(kMany / 2 + kSeen, kMany);
    // Every second one goes, in an order that no list of free objects can have kept.
    for (std::size_t i = 0, at = 0; i < kMany / 2; ++i, at = (at + 7919) % (kMany / 2))
        std::free(objects[2 * at]);
    mark(Marker::kBegin, "refill_holes");
    for (std::size_t i = 0; i < kSeen; ++i) objects[2 * i] = checked(std::malloc(112));
    mark(Marker::kEnd, "refill_holes", kSeen);
    for (std::size_t i = 0; i < kMany; ++i)
        if (i % 2 == 1 || i < 2 * kSeen)
            std::free(objects[i]);
}

// --- two threads -------------------------------------------------------------------------------

struct HandOver {
    void* objects[kObjects];
    std::atomic<int> turn{0};  // 0: the allocating thread's, 1: the freeing one's, 2: the end
    bool seen = false;
};

void wait_for(std::atomic<int>& turn, int mine) {
    // ORDER: acquire, the objects go over together with the turn.
    while (turn.load(std::memory_order_acquire) != mine) sched_yield();  // outside sections
}

void* freeing_thread(void* argument) {
    auto& shared = *static_cast<HandOver*>(argument);
    for (;;) {
        int turn = 0;
        // ORDER: acquire, as in wait_for; the releases below are its partners.
        while ((turn = shared.turn.load(std::memory_order_acquire)) == 0) sched_yield();
        if (turn == 2)
            return nullptr;
        if (shared.seen)
            mark(Marker::kBegin, "remote_1000");
        for (void* object : shared.objects) std::free(object);
        if (shared.seen)
            mark(Marker::kEnd, "remote_1000", 0);
        shared.turn.store(0, std::memory_order_release);
    }
}

void remote() {
    static HandOver shared;
    pthread_t other{};
    if (pthread_create(&other, nullptr, freeing_thread, &shared) != 0)
        std::exit(1);
    constexpr std::uint64_t kWarm = 60;
    const std::uint64_t rounds = kWarm + 2 * g_factor;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        wait_for(shared.turn, 0);
        shared.seen = round >= kWarm;
        if (shared.seen)
            mark(Marker::kBegin, "remote_1000");
        for (void*& object : shared.objects) object = checked(std::malloc(64));
        if (shared.seen)
            mark(Marker::kEnd, "remote_1000", kObjects);
        shared.turn.store(1, std::memory_order_release);
    }
    wait_for(shared.turn, 0);
    shared.turn.store(2, std::memory_order_release);
    pthread_join(other, nullptr);
}

void* short_life(void*) {
    std::free(checked(std::malloc(64)));
    return nullptr;
}

void threads() {
    const auto live = [](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) {
            pthread_t thread{};
            if (pthread_create(&thread, nullptr, short_life, nullptr) != 0)
                std::exit(1);
            pthread_join(thread, nullptr);
        }
    };
    section("thread", 8, 3, 1, live);
}

// --- the rest of the interface -----------------------------------------------------------------

void interface() {
    section("calloc_64", 1000, 100, 1, [](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) std::free(checked(std::calloc(1, 64)));
    });
    section("aligned_64", 1000, 100, 1, [](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) std::free(checked(aligned_alloc(64, 64)));
    });
    void* object = checked(std::malloc(60));
    section("realloc_in_place", 1000, 100, 1, [&object](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i)
            object = checked(std::realloc(object, i % 2 == 0 ? 64 : 60));
    });
    section("usable_size", 1000, 100, 1, [object](std::uint64_t n) {
        std::size_t sum = 0;
        for (std::uint64_t i = 0; i < n; ++i) sum += malloc_usable_size(object);
        asm volatile("" : : "g"(sum));
    });
    std::free(object);
    section("new_delete", 1000, 100, 1, [](std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i)
            ::operator delete(checked(::operator new(64)), std::size_t{64});
    });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "long") == 0) {
        g_factor = 500;
    } else if (argc != 2 || std::strcmp(argv[1], "short") != 0) {
        std::fputs("usage: paths short|long, under the stepper\n", stderr);
        return 2;
    }
    Dl_info info{};
    if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0)
        return 1;
    mark(Marker::kReady, info.dli_fname);
    hits();
    pairs("pair_64", 64, 10'000, 200);
    bulk();
    pairs("pair_2k", 2048, 5000, 100);
    pairs("pair_8k", 8192, 5000, 100);
    pairs("pair_32k", 32768, 5000, 100);
    pairs("pair_100k", 100 * 1024, 5000, 50);
    pairs("pair_1m", 1U << 20, 2000, 30);
    pairs("pair_20m", 20U << 20, 500, 10);
    interface();
    if (g_factor == 1)
        refills();
    remote();
    if (g_factor == 1)
        threads();
    return 0;
}
