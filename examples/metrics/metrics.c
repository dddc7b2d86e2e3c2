/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * metrics.c — what a scraper of OpenMetrics gets: print this behind an HTTP endpoint of your
 * program, and import grafana.json beside it into Grafana.
 */
#include <stdio.h>
#include <stdlib.h>

#include <granary/granary.h>

static void write_piece(void* stream, const char* text) { fputs(text, (FILE*)stream); }

int main(void) {
    /* Something to look at: a thousand small regions, a large one, a huge one. */
    void* kept[1000];
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; ++i) kept[i] = granary_malloc(i % 500);
    void* const large = granary_malloc(100 * 1000);
    void* const huge = granary_malloc(10 * 1000 * 1000);
    if (large == NULL || huge == NULL)
        return EXIT_FAILURE;

    granary_metrics_print(write_piece, stdout);

    granary_free(huge);
    granary_free(large);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; ++i) granary_free(kept[i]);
    return EXIT_SUCCESS;
}
