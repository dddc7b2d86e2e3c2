/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * variables.c — malloc_conf, malloc_conf_2_conf_harder and malloc_message of a program that is linked
 *               with the library. Prints the options that they led to; the harder variable wins over
 *               the environment, the environment over the other.
 */
#include <jemalloc/jemalloc.h>

#include <string.h>

#include "probe.h"

const char* malloc_conf = "dirty_decay_ms:11,muzzy_decay_ms:12,nonsense:1";
const char* malloc_conf_2_conf_harder = "tcache_nslots_large:77";

static char heard[1 << 16];
static void hear(void* opaque, const char* text) {
    (void)opaque;
    strncat(heard, text, sizeof heard - strlen(heard) - 1);
}

static void print_text(const char* name) {
    const char* text = NULL;
    size_t size = sizeof text;
    const int result = mallctl(name, &text, &size, NULL, 0);
    printf("%s\n", result == 0 ? text : "none");
}

int main(void) {
    ssize_t dirty = 0;
    ssize_t muzzy = 0;
    unsigned slots = 0;
    size_t size = sizeof dirty;
    CHECK(mallctl("opt.dirty_decay_ms", &dirty, &size, NULL, 0) == 0, "dirty");
    CHECK(mallctl("opt.muzzy_decay_ms", &muzzy, &size, NULL, 0) == 0, "muzzy");
    size = sizeof slots;
    CHECK(mallctl("opt.tcache_nslots_large", &slots, &size, NULL, 0) == 0, "slots");
    printf("%zd %zd %u\n", dirty, muzzy, slots);
    print_text("opt.malloc_conf.global_var");
    print_text("opt.malloc_conf.env_var");
    print_text("opt.malloc_conf.global_var_2_conf_harder");
    malloc_message = hear;
    malloc_stats_print(NULL, NULL, "");
    CHECK(strstr(heard, "Begin ") != NULL && strstr(heard, "End ") != NULL,
          "the report did not go to malloc_message");
    return 0;
}
