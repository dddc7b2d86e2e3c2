// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// start.c — a program that allocates once and ends: what an allocator costs at process start.
// Prints its peak resident memory, the anonymous part of it at the end, its page faults, and how much
// of the preloaded file is resident: the same in every run, other than the C library's part.
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/// Resident memory in mappings of the last preloaded file, KiB; 0 without one, -1 if it cannot be told.
static long preloaded_kib(void) {
    static char text[1 << 18];
    static char path[PATH_MAX];
    const char* preload = getenv("LD_PRELOAD");
    if (preload == NULL || *preload == '\0')
        return 0;
    const char* const others = strrchr(preload, ':');
    if (others != NULL)
        preload = others + 1;
    const int fd = open("/proc/self/smaps", O_RDONLY);
    if (fd < 0 || realpath(preload, path) == NULL)
        return -1;
    size_t length = 0;
    for (ssize_t got; (got = read(fd, text + length, sizeof text - 1 - length)) != 0;
         length += (size_t)got) {
        if (got < 0)
            return -1;
    }
    if (length == sizeof text - 1)
        return -1;  // there is more
    long sum = 0;
    int ours = 0;
    for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "Rss:", 4) == 0)
            sum += ours ? strtol(line + 4, NULL, 10) : 0;
        else if (strchr("0123456789abcdef", *line) != NULL)  // the fields begin with capitals
            ours = strstr(line, path) != NULL;
    }
    return sum;
}

int main(void) {
    char* volatile object = malloc(64);
    if (object == NULL)
        return 1;
    *object = 1;
    free(object);
    char text[4096];
    const int fd = open("/proc/self/status", O_RDONLY);
    const ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0)
        return 1;
    text[length] = '\0';
    const char* peak = strstr(text, "VmHWM:");
    const char* anonymous = strstr(text, "RssAnon:");
    struct rusage usage;
    if (peak == NULL || anonymous == NULL || getrusage(RUSAGE_SELF, &usage) != 0)
        return 1;
    const long preloaded = preloaded_kib();
    if (preloaded < 0)
        return 1;
    return printf("{\"peak_kib\": %ld, \"anonymous_kib\": %ld, \"faults\": %ld, "
                  "\"preloaded_kib\": %ld}\n",
                  strtol(peak + 6, NULL, 10), strtol(anonymous + 8, NULL, 10),
                  usage.ru_minflt, preloaded) > 0 ? 0 : 1;
}
