// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_exit.cpp — threads that allocate and free until their very last destructor.
//
// Role        thread_exit [threads]. Destructors of pthread keys in all rounds that POSIX allows, of
//             thread_local objects, and of keys made before and after the thread's first malloc.
//             With the prefixed library nothing else allocates, so not one byte may be left.
#include <limits.h>
#include <pthread.h>

#include <atomic>

#include "names.h"

namespace {

// ThreadSanitizer takes its own state away in the last round; instrumented code cannot run then.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SUBJECT_LAST_ROUND_IS_TAKEN 1
#endif
#endif
#ifndef SUBJECT_LAST_ROUND_IS_TAKEN
#define SUBJECT_LAST_ROUND_IS_TAKEN 0
#endif
constexpr int kRounds = PTHREAD_DESTRUCTOR_ITERATIONS - SUBJECT_LAST_ROUND_IS_TAKEN;
pthread_key_t early_key;
pthread_key_t late_key;
std::atomic<long> destructor_calls{0};

struct Baton {
    int rounds_left;
    void* regions[50];
};

void work(unsigned seed) {
    uint64_t state = seed;
    void* regions[40];
    for (void*& region : regions) {
        const size_t size = 8 + next_random(&state) % 3000;
        region = heap_malloc(size);
        CHECK(region != nullptr, "malloc(%zu) failed", size);
        memset(region, 2, size);
    }
    for (void* region : regions) heap_free(region);
}

Baton* make_baton(int rounds) {
    Baton* const baton = static_cast<Baton*>(heap_malloc(sizeof(Baton)));
    CHECK(baton != nullptr, "malloc failed");
    baton->rounds_left = rounds;
    for (void*& region : baton->regions) region = heap_malloc(100);
    return baton;
}

void pass_on(pthread_key_t key, void* value) {
    Baton* const baton = static_cast<Baton*>(value);
    destructor_calls.fetch_add(1, std::memory_order_relaxed);
    work(static_cast<unsigned>(baton->rounds_left));
    const int left = baton->rounds_left - 1;
    for (void* region : baton->regions) heap_free(region);
    heap_free(baton);
    if (left > 0)
        pthread_setspecific(key, make_baton(left));
}

void early_destructor(void* value) { pass_on(early_key, value); }
void late_destructor(void* value) { pass_on(late_key, value); }

struct Local {
    Baton* baton = nullptr;
    ~Local() {
        if (baton == nullptr)
            return;
        work(3);
        for (void* region : baton->regions) heap_free(region);
        heap_free(baton);
        work(4);
    }
};
thread_local Local local;

void* live(void* argument) {
    const size_t number = reinterpret_cast<size_t>(argument);
    if (number % 2 == 0)
        work(5);
    pthread_setspecific(early_key, make_baton(kRounds));
    pthread_setspecific(late_key, make_baton(kRounds));
    local.baton = make_baton(1);
    return nullptr;
}

size_t allocated() {
    uint64_t epoch = 1;
    heap_mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
    size_t value = 0;
    size_t length = sizeof value;
    heap_mallctl("stats.allocated", &value, &length, nullptr, 0);
    return value;
}

}  // namespace

int main(int argc, char** argv) {
    const long threads = argument_or(argc, argv, 1, 400);
    CHECK(pthread_key_create(&early_key, early_destructor) == 0, "no key");
    heap_free(heap_malloc(1));
    CHECK(pthread_key_create(&late_key, late_destructor) == 0, "no key");
    const size_t before = allocated();
    for (long done = 0; done < threads; done += 4) {
        pthread_t ids[4];
        for (size_t i = 0; i < 4; ++i) {
            CHECK(pthread_create(&ids[i], nullptr, live, reinterpret_cast<void*>(i)) == 0,
                  "no thread");
        }
        for (pthread_t id : ids) pthread_join(id, nullptr);
    }
    const long calls = destructor_calls.load(std::memory_order_relaxed);
    CHECK(calls == threads * 2 * kRounds, "%ld destructor calls for %ld threads", calls, threads);
#ifdef SUBJECT_PREFIXED
    CHECK(allocated() == before, "%zu bytes live, %zu before the threads", allocated(), before);
#else
    (void)before;
#endif
    return 0;
}
