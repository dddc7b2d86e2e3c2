// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// start.c — a program that allocates once and ends: what an allocator costs at process start.
// Prints its peak resident memory, the anonymous part of it at the end, and its page faults.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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
    return printf("{\"peak_kib\": %ld, \"anonymous_kib\": %ld, \"faults\": %ld}\n",
                  strtol(peak + 6, NULL, 10), strtol(anonymous + 8, NULL, 10),
                  usage.ru_minflt) > 0 ? 0 : 1;
}
