/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * jemalloc_client.c — a program that knows jemalloc only: prints the version of the interface that it
 *                     was compiled with, and of the library that serves it.
 */
#include <stdio.h>

#include <jemalloc/jemalloc.h>

int main(void) {
    const char* version = "?";
    size_t length = sizeof version;
    void* const region = mallocx(100, MALLOCX_ALIGN(64) | MALLOCX_ZERO);
    if (region == NULL || mallctl("version", &version, &length, NULL, 0) != 0)
        return EXIT_FAILURE;
    printf("%s served by %s\n", JEMALLOC_VERSION, version);
    sdallocx(region, 100, MALLOCX_ALIGN(64));
    return EXIT_SUCCESS;
}
