/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * probe.c — a C program on libgranary with option text of its own: prints the options
 * that it ended up with. */
#include <stdint.h>
#include <stdio.h>

#include <granary/granary.h>

const char* malloc_conf = "narenas:3,dirty_decay_ms:100";

int main(void) {
    unsigned narenas = 0;
    int64_t dirty = 0;
    int64_t muzzy = 0;
    size_t length = sizeof narenas;
    if (granary_mallctl("opt.narenas", &narenas, &length, NULL, 0) != 0)
        return 1;
    length = sizeof dirty;
    if (granary_mallctl("opt.dirty_decay_ms", &dirty, &length, NULL, 0) != 0)
        return 1;
    if (granary_mallctl("opt.muzzy_decay_ms", &muzzy, &length, NULL, 0) != 0)
        return 1;
    printf("narenas %u dirty %lld muzzy %lld\n", narenas, (long long)dirty, (long long)muzzy);
    return 0;
}
