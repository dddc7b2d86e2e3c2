// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// slow_clock.c — preloaded behind an allocator while it is single-stepped: its clock goes slower
// by the factor by which it is slowed down, so that work done every few milliseconds comes as
// seldom as it does at full speed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <time.h>

enum { kSlower = 10000 };

static int (*real)(clockid_t, struct timespec*);
static struct timespec start[16];

int clock_gettime(clockid_t clock, struct timespec* now) {
    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
    const int result = real(clock, now);
    if (result != 0 || clock < 0 || clock >= 16)
        return result;
    if (start[clock].tv_sec == 0)
        start[clock] = *now;
    const long long passed = ((long long)(now->tv_sec - start[clock].tv_sec) * 1000000000 +
                              (now->tv_nsec - start[clock].tv_nsec)) / kSlower;
    const long long nanoseconds = start[clock].tv_nsec + passed;
    now->tv_sec = start[clock].tv_sec + nanoseconds / 1000000000;
    now->tv_nsec = nanoseconds % 1000000000;
    return 0;
}
