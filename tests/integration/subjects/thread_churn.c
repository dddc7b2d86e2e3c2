/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * thread_churn.c — many short threads must not make the process grow.
 *
 * Role        thread_churn [threads]. Each thread allocates, frees half itself and leaves the other
 *             half to the next one, so that every death leaves remote frees behind. RSS at the end
 *             may be a tenth and 1 MiB above RSS after the first eighth.
 */
#include <pthread.h>

#include "names.h"

enum { kRegions = 200, kAtOnce = 4 };

static void* left_behind[kAtOnce][kRegions];

static void* live_briefly(void* argument) {
    void** const row = argument;
    uint64_t state = (uintptr_t)argument + (uintptr_t)row[0];
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

int main(int argc, char** argv) {
    const long threads = argument_or(argc, argv, 1, 10000);
    long first_eighth_kib = 0;
    for (long done = 0; done < threads; done += kAtOnce) {
        pthread_t ids[kAtOnce];
        for (int i = 0; i < kAtOnce; ++i) {
            CHECK(pthread_create(&ids[i], NULL, live_briefly, left_behind[i]) == 0,
                  "no thread after %ld", done);
        }
        for (int i = 0; i < kAtOnce; ++i) pthread_join(ids[i], NULL);
        if (first_eighth_kib == 0 && done >= threads / 8)
            first_eighth_kib = rss_kib();
    }
    const long end_kib = rss_kib();
    printf("%ld threads: %ld KiB after the first eighth, %ld KiB at the end\n", threads,
           first_eighth_kib, end_kib);
    CHECK(end_kib <= first_eighth_kib + first_eighth_kib / 10 + 1024, "grew from %ld to %ld KiB",
          first_eighth_kib, end_kib);
    return 0;
}
