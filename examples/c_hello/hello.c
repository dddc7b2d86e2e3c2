/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * hello.c — granary beside the C library's malloc, in one program.
 *
 *   cc hello.c -lgranary -o hello
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <granary/granary.h>

int main(void) {
    const char* version = NULL;
    size_t length = sizeof version;
    if (granary_mallctl("version", &version, &length, NULL, 0) != 0) {
        return EXIT_FAILURE;
    }

    char* text = granary_malloc(20);
    if (text == NULL) {
        perror("granary_malloc");
        return EXIT_FAILURE;
    }
    strcpy(text, "granary");
    const size_t usable = granary_malloc_usable_size(text);

    char* longer = granary_realloc(text, 200);
    if (longer == NULL) {
        perror("granary_realloc");
        granary_free(text);
        return EXIT_FAILURE;
    }
    printf("%s %s: asked for 20 bytes, usable %zu", longer, version, usable);
    printf(", then for 200, usable %zu\n", granary_malloc_usable_size(longer));

    /* What the C library allocated is not granary's, and goes back to the C library. */
    void* other = malloc(20);
    printf("is granary's: %d, is not: %d\n", granary_owns(longer), granary_owns(other));
    free(other);
    granary_free(longer);
    return EXIT_SUCCESS;
}
