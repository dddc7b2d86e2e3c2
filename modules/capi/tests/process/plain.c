/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * plain.c — a C program without a C++ runtime, to run with libgranary_malloc preloaded.
 *   plain maps         says whether a C++ runtime is mapped
 *   plain plugin FILE  loads a C++ plugin late and returns what its run_plugin() returns
 *   plain new          calls operator new for more than there is, with nobody to catch */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int has_cxx_runtime(void) {
    char line[512];
    int found = 0;
    FILE* maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        return -1;
    while (fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "libstdc++") != NULL || strstr(line, "libgcc_s") != NULL)
            found = 1;
    }
    fclose(maps);
    return found;
}

int main(int argc, char** argv) {
    void* symbol = NULL;
    if (argc == 2 && strcmp(argv[1], "maps") == 0) {
        puts(has_cxx_runtime() == 0 ? "no C++ runtime" : "C++ runtime");
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "plugin") == 0) {
        int (*run)(void) = NULL;
        void* plugin = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
        if (plugin == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 100;
        }
        symbol = dlsym(plugin, "run_plugin");
        memcpy(&run, &symbol, sizeof run);
        return run();
    }
    if (argc == 2 && strcmp(argv[1], "new") == 0) {
        void* (*operator_new)(size_t) = NULL;
        symbol = dlsym(RTLD_DEFAULT, "_Znwm");
        if (symbol == NULL)
            return 100;
        memcpy(&operator_new, &symbol, sizeof operator_new);
        if (operator_new(100) == NULL)
            return 101;
        return operator_new(SIZE_MAX / 2 + 1) == NULL ? 102 : 103;
    }
    return 104;
}
