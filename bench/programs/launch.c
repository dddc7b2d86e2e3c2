// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// launch.c — runs one command under one preloaded library and tells what its processes used:
// wall-clock, user and system time of all of them, peak memory of the largest, page faults.
//
// Usage: launch FIGURES PRELOAD COMMAND...   (an empty PRELOAD preloads nothing)
// It is small and forks by itself, because a child begins with the peak memory of its parent.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

int main(int argc, char** argv) {
    if (argc < 4) {
        fputs("usage: launch FIGURES PRELOAD COMMAND...\n", stderr);
        return 2;
    }
    const double begin = now();
    const pid_t child = fork();
    if (child == 0) {
        if (argv[2][0] != '\0')
            setenv("LD_PRELOAD", argv[2], 1);
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("launch");
        return 2;
    }
    const double end = now();
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    FILE* figures = fopen(argv[1], "w");
    if (figures == NULL) {
        perror(argv[1]);
        return 2;
    }
    fprintf(figures,
            "{\"seconds\": %.6f, \"user_seconds\": %.6f, \"system_seconds\": %.6f, "
            "\"peak_rss_kib\": %ld, \"minor_faults\": %ld}\n",
            end - begin, seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss,
            usage.ru_minflt);
    if (fclose(figures) != 0)
        return 2;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "launch: %s was killed by signal %d\n", argv[3], WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}
