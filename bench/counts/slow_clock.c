// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// slow_clock.c — preloaded behind an allocator while it is single-stepped: its clock goes slower
// by about the factor by which it is slowed down, so that work done every few milliseconds comes
// as seldom as it does at full speed.
//
// It calls nothing that could allocate: an allocator may ask for the time while it starts.
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { kCyclesPerNanosecond = 3, kSlower = 10000, kClocks = 16, kSecond = 1000000000 };

static struct timespec start[kClocks];
static unsigned long long start_cycles[kClocks];

int clock_gettime(clockid_t clock, struct timespec* now) {
    if (clock < 0 || clock >= kClocks)
        return (int)syscall(SYS_clock_gettime, clock, now);
    if (start_cycles[clock] == 0) {
        if (syscall(SYS_clock_gettime, clock, &start[clock]) != 0)
            return -1;
        start_cycles[clock] = __rdtsc();
    }
    const unsigned long long cycles = __rdtsc() - start_cycles[clock];
    const long long passed = (long long)(cycles / kCyclesPerNanosecond / kSlower);
    const long long nanoseconds = start[clock].tv_nsec + passed;
    now->tv_sec = start[clock].tv_sec + nanoseconds / kSecond;
    now->tv_nsec = nanoseconds % kSecond;
    return 0;
}
