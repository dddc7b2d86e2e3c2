/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * probe.h — what the probes share: a check that ends the program with a line.
 */
#ifndef GRANARY_TESTS_PROBE_H
#define GRANARY_TESTS_PROBE_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition, ...)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                   \
            fputc('\n', stderr);                                            \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

#endif
