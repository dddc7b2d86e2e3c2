/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * thread_churn.c — many short threads must not make the process grow.
 *
 * Role        thread_churn [threads]. Each thread allocates, frees half itself and leaves the other
 *             half to the next one, so that every death leaves remote frees behind. The most RSS in
 *             the last eighth may be a tenth and 1 MiB above the most in the second.
 */
#include <pthread.h>

#include "names.h"

enum { kRegions = 200, kAtOnce = 4 };

/* All of a batch are alive at once, so that every batch needs equally many arenas. */
static pthread_barrier_t alive;

static void* left_behind[kAtOnce][kRegions];

static void* live_briefly(void* argument) {
    void** const row = argument;
    uint64_t state = (uintptr_t)argument + (uintptr_t)row[0];
    heap_free(heap_malloc(100));
    pthread_barrier_wait(&alive);
    for (int i = 0; i < kRegions; ++i) {
        heap_free(row[i]);
        const size_t size = next_random(&state) % 64 == 0 ? 40000 : 8 + next_random(&state) % 1000;
        row[i] = heap_malloc(size);
        CHECK(row[i] != NULL, "malloc failed");
        memset(row[i], 1, size);
    }
    for (int i = 0; i < kRegions; i += 2) {
        heap_free(row[i]);
        row[i] = NULL;
    }
    return NULL;
}

static void run_some_threads(void) {
    pthread_t ids[kAtOnce];
    for (int i = 0; i < kAtOnce; ++i) {
        CHECK(pthread_create(&ids[i], NULL, live_briefly, left_behind[i]) == 0, "no thread");
    }
    for (int i = 0; i < kAtOnce; ++i) pthread_join(ids[i], NULL);
}

int main(int argc, char** argv) {
    const long threads = argument_or(argc, argv, 1, 10000);
    pthread_barrier_init(&alive, NULL, kAtOnce);
    long early_kib = 0; /* the most in the second eighth */
    long late_kib = 0;  /* the most in the last one */
    for (long done = 0; done < threads; done += kAtOnce) {
        run_some_threads();
        if (done % (kAtOnce * 25L) != 0)
            continue;
        const long now_kib = rss_kib();
        const long eighth = done / ((threads + 7) / 8);
        if (eighth == 1 && now_kib > early_kib)
            early_kib = now_kib;
        if (eighth == 7 && now_kib > late_kib)
            late_kib = now_kib;
    }
    printf("%ld threads: at most %ld KiB in the second eighth, %ld KiB in the last\n", threads,
           early_kib, late_kib);
    CHECK(early_kib > 0 && late_kib > 0, "too few threads to measure: %ld", threads);
    CHECK(late_kib <= early_kib + early_kib / 10 + 1024, "grew from %ld to %ld KiB", early_kib,
          late_kib);
    return 0;
}
