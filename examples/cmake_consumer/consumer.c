/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * consumer.c — says whose malloc this program has.
 */
#include <stdio.h>
#include <stdlib.h>

#include <granary/granary.h>

int main(void) {
    void* region = granary_malloc(64);
    void* of_malloc = malloc(64);
    if (region == NULL || of_malloc == NULL || !granary_owns(region)) {
        return EXIT_FAILURE;
    }
    printf("granary %s; malloc is %s\n", GRANARY_VERSION,
           granary_owns(of_malloc) ? "granary's" : "the C library's");
    free(of_malloc);
    granary_free(region);
    return EXIT_SUCCESS;
}
