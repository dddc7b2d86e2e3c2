/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * by_name.c — programs that look the library up when they run: MariaDB's guess of the malloc library,
 *             and sharp's weak mallctl. It is not linked with any: it runs under LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "probe.h"

extern int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));

int main(void) {
    CHECK(dlsym(RTLD_DEFAULT, "tc_version") == NULL, "looks like gperftools");
    int (*ask)(const char*, void*, size_t*, void*, size_t) = NULL;
    *(void**)&ask = dlsym(RTLD_DEFAULT, "mallctl");
    CHECK(ask != NULL, "no mallctl");
    const char* version = NULL;
    size_t length = sizeof version;
    CHECK(ask("version", &version, &length, NULL, 0) == 0 && version != NULL && strlen(version) > 4,
          "no version");
    CHECK(&mallctl != NULL, "the weak mallctl is not there");
    printf("jemalloc %s\n", version);
    return 0;
}
