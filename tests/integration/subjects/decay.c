/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * decay.c — memory that was freed goes back to the system within the decay time.
 *
 * Role        decay <active|sleep|remote> [MiB]. Fills that much with small regions, frees them, and waits
 *             until RSS is below 32 MiB: with a little allocation going on, in pure sleep (needs
 *             background_thread:true), or after another thread did the freeing. Prints how
 *             long that took. Run with GRANARY_CONF=dirty_decay_ms:1000.
 */
#include <pthread.h>

#include "names.h"

enum { kTargetKib = 32 * 1024, kPollMs = 50, kPatienceMs = 20000 };

static void* list;

static void fill(size_t bytes) {
    uint64_t state = 1;
    for (size_t done = 0; done < bytes;) {
        const size_t size = 16 + next_random(&state) % 500;
        void** const region = heap_malloc(size);
        CHECK(region != NULL, "malloc failed after %zu bytes", done);
        memset(region, 1, size);
        *region = list;
        list = region;
        done += size;
    }
}

static void* free_list(void* unused) {
    (void)unused;
    while (list != NULL) {
        void* const next = *(void**)list;
        heap_free(list);
        list = next;
    }
    return NULL;
}

int main(int argc, char** argv) {
    const char* const mode = argc > 1 ? argv[1] : "active";
    const size_t bytes = (size_t)argument_or(argc, argv, 2, 1024) << 20;
    fill(bytes);
    const long full_kib = rss_kib();
    CHECK((size_t)full_kib * 1024 > bytes, "RSS of %ld KiB is less than what is live", full_kib);
    if (strcmp(mode, "remote") == 0) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, free_list, NULL) == 0, "no thread");
        pthread_join(thread, NULL);
    } else {
        free_list(NULL);
    }
    const double start = seconds_now();
    uint64_t state = 2;
    long kib = rss_kib();
    for (long waited = 0; kib >= kTargetKib && waited < kPatienceMs; waited += kPollMs) {
        sleep_ms(kPollMs);
        if (strcmp(mode, "sleep") != 0) {
            /* Light activity: a thousand small regions in twenty seconds' fiftieth part. */
            for (int i = 0; i < 1000; ++i) heap_free(heap_malloc(16 + next_random(&state) % 500));
        }
        kib = rss_kib();
    }
    printf("%s: %ld KiB full, %ld KiB after %.2f s\n", mode, full_kib, kib, seconds_now() - start);
    CHECK(kib < kTargetKib, "RSS is still %ld KiB", kib);
    return 0;
}
