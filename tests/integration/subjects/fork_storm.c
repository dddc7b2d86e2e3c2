/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * fork_storm.c — forks a process whose threads are all inside the allocator.
 *
 * Role        fork_storm [forks] [threads]. Each child checks and frees every region that its parent
 *             had published, allocates, starts a thread that allocates, and now and then forks
 *             again. A child that hangs is ended by its alarm, which fails the test. Under
 *             ThreadSanitizer, whose runtime bears no new thread after the fork of a process with
 *             several, the child allocates in its own thread and does not fork.
 * Invariants  A slot of `published` is null or a live region: threads clear a slot before they
 *             free its region and set it after they have stamped it, so a fork at any moment
 *             leaves the child a table that it may free.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "names.h"

#if defined(__SANITIZE_THREAD__)
enum { kThreadsAfterFork = 0 };
#elif defined(__has_feature)
enum { kThreadsAfterFork = !__has_feature(thread_sanitizer) };
#else
enum { kThreadsAfterFork = 1 };
#endif
enum { kMaxThreads = 64, kSlots = 128, kGuardSeconds = 60 };

static void* _Atomic published[kMaxThreads][kSlots];
static _Atomic int stop;

static size_t random_size(uint64_t* state) {
    const uint32_t draw = next_random(state) % 1000;
    if (draw < 900)
        return 16 + next_random(state) % 512;
    if (draw < 990)
        return 16 + next_random(state) % 20000;
    if (draw < 999)
        return 16 + next_random(state) % 300000;
    return 16 + next_random(state) % 3000000;
}

/* A stamped region carries its own address, twice: a copy that another region overlaps shows. */
static void* stamped(size_t size) {
    uintptr_t* const region = heap_malloc(size);
    CHECK(region != NULL, "malloc(%zu) failed", size);
    region[0] = (uintptr_t)region;
    region[1] = ~(uintptr_t)region;
    return region;
}

static void release(void* pointer) {
    const uintptr_t* const region = pointer;
    CHECK(region[0] == (uintptr_t)region && region[1] == ~(uintptr_t)region, "%p lost its contents",
          pointer);
    heap_free(pointer);
}

static void* churn(void* argument) {
    const size_t self = (size_t)argument;
    uint64_t state = self + 1;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        /* Mostly the own row; now and then another's, so that remote frees are in flight too. */
        const size_t row = next_random(&state) % 4 != 0 ? self : next_random(&state) % kMaxThreads;
        void* _Atomic* const slot = &published[row][next_random(&state) % kSlots];
        void* const old = atomic_exchange(slot, NULL);
        if (old != NULL)
            release(old);
        void* expected = NULL;
        void* const fresh = stamped(random_size(&state));
        if (!atomic_compare_exchange_strong(slot, &expected, fresh))
            release(fresh);
    }
    return NULL;
}

static void* allocate_in_child(void* argument) {
    uint64_t state = (uintptr_t)argument;
    void* regions[64];
    for (int i = 0; i < 64; ++i) regions[i] = stamped(random_size(&state));
    for (int i = 0; i < 64; ++i) release(regions[i]);
    return NULL;
}

__attribute__((noreturn)) static void live_as_child(int number, int depth) {
    alarm(kGuardSeconds);
    uint64_t state = (uint64_t)number + 77;
    for (int i = 0; i < 100; ++i) release(stamped(random_size(&state)));
    for (int row = 0; row < kMaxThreads; ++row) {
        for (int i = 0; i < kSlots; ++i) {
            void* const region = atomic_exchange(&published[row][i], NULL);
            if (region != NULL)
                release(region);
        }
    }
    if (kThreadsAfterFork) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, allocate_in_child, &state) == 0,
              "no thread in the child");
        CHECK(pthread_join(thread, NULL) == 0, "cannot join the child's thread");
    } else {
        allocate_in_child(&state);
    }
    void* const grown = heap_realloc(stamped(100), 1000000);
    CHECK(grown != NULL, "realloc failed in the child");
    heap_free(grown);
    if (kThreadsAfterFork && depth < 3 && number % 16 == 0) {
        const pid_t grandchild = fork();
        CHECK(grandchild >= 0, "fork failed in the child");
        if (grandchild == 0)
            live_as_child(number, depth + 1);
        int status = 0;
        CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0,
              "grandchild: status %#x", (unsigned)status);
    }
    if (number % 8 == 0)
        exit(0);
    _exit(0);
}

int main(int argc, char** argv) {
    const long forks = argument_or(argc, argv, 1, 1000);
    const long threads = argument_or(argc, argv, 2, 8);
    CHECK(threads > 0 && threads <= kMaxThreads, "threads must be 1..%d, not %ld", kMaxThreads,
          threads);
    pthread_t ids[kMaxThreads];
    for (long i = 0; i < threads; ++i) {
        CHECK(pthread_create(&ids[i], NULL, churn, (void*)(size_t)i) == 0, "no thread");
    }
    for (long number = 0; number < forks; ++number) {
        const pid_t child = fork();
        CHECK(child >= 0, "fork %ld failed", number);
        if (child == 0)
            live_as_child((int)number, 1);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child, "waitpid failed");
        CHECK(status == 0, "child %ld ended with status %#x (14: it hung)", number,
              (unsigned)status);
    }
    atomic_store(&stop, 1);
    for (long i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
    printf("%ld forks of a process with %ld busy threads\n", forks, threads);
    return 0;
}
