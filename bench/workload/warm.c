/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * warm.c — writes that many MiB of fresh memory, and ends.
 *
 * A virtual machine's host takes back what its guest has left free for a while, huge pages first;
 * who touches it next waits for the host. Run before each measured program, so that none of them
 * waits for what the one before it did not need.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(int argc, char** argv) {
    char* end = NULL;
    const unsigned long mib = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (mib == 0 || *end != '\0' || mib > 1UL << 20) {
        fprintf(stderr, "usage: %s MIB, 1..1048576\n", argv[0]);
        return 2;
    }
    const size_t size = mib << 20;
    volatile char* const memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("warm: mmap");
        return 1;
    }
    /* Without huge pages it takes longer, and warms as well. */
    (void)madvise((void*)memory, size, MADV_HUGEPAGE);
    for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
    return 0;
}
