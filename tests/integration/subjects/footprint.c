/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * footprint.c — prints its own RSS in KiB after one malloc; the caller compares two runs.
 */
#include "names.h"

int main(void) {
    char* volatile region = heap_malloc(100);
    CHECK(region != NULL, "malloc failed");
    region[0] = 1;
    char text[32];
    const int length = snprintf(text, sizeof text, "%ld\n", rss_kib());
    return write(STDOUT_FILENO, text, (size_t)length) == length ? 0 : 1;
}
