/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * idle_threads.c — what a thread costs that has allocated once and then waits.
 *
 * Role        idle_threads [threads] [limit in KiB]: RSS added per thread, its stack included.
 */
#include <pthread.h>

#include "names.h"

static pthread_barrier_t started;
static pthread_barrier_t measured;

static void* wait_idly(void* unused) {
    (void)unused;
    char* const region = heap_malloc(64);
    CHECK(region != NULL, "malloc failed");
    region[0] = 1;
    pthread_barrier_wait(&started);
    pthread_barrier_wait(&measured);
    heap_free(region);
    return NULL;
}

int main(int argc, char** argv) {
    const long threads = argument_or(argc, argv, 1, 500);
    const long limit_kib = argument_or(argc, argv, 2, 64);
    pthread_t* const ids = calloc((size_t)threads, sizeof *ids);
    CHECK(ids != NULL, "calloc failed");
    heap_free(heap_malloc(64));
    pthread_barrier_init(&started, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&measured, NULL, (unsigned)threads + 1);
    const long before_kib = rss_kib();
    for (long i = 0; i < threads; ++i)
        CHECK(pthread_create(&ids[i], NULL, wait_idly, NULL) == 0, "no thread %ld", i);
    pthread_barrier_wait(&started);
    const long each_kib = (rss_kib() - before_kib) / threads;
    pthread_barrier_wait(&measured);
    for (long i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
    free(ids);
    printf("%ld idle threads: %ld KiB each\n", threads, each_kib);
    CHECK(each_kib < limit_kib, "%ld KiB per idle thread, the limit is %ld", each_kib, limit_kib);
    return 0;
}
