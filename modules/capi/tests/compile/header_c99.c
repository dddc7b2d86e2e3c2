/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * header_c99.c — granary.h is C99 and stands alone. */
#include <granary/granary.h>

void* granary_header_check_c99(size_t size);

void* granary_header_check_c99(size_t size) {
    return granary_realloc(granary_malloc(size), size + GRANARY_VERSION_MAJOR);
}
