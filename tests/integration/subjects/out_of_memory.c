/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * out_of_memory.c — the heap under RLIMIT_AS: NULL and ENOMEM, and whole again afterwards.
 *
 * Role        out_of_memory [MiB over the program's own size]. For each size: how many bytes a fresh
 *             process gets; then one process fills with one size after the other, freeing
 *             everything in between, and must get nine tenths of that each time.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "names.h"

static const size_t kSizes[] = {64 * 1024, 16,    3 << 20, 100, 300000,
                                1000,      20000, 4096,    48,  8 << 20};
enum { kSizeCount = sizeof kSizes / sizeof kSizes[0] };

static void limit_address_space(long mib) {
    static char text[256];
    const int file = open("/proc/self/statm", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0, "cannot read /proc/self/statm");
    close(file);
    const rlim_t own = (rlim_t)strtol(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
    const struct rlimit limit = {own + ((rlim_t)mib << 20), own + ((rlim_t)mib << 20)};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit failed");
}

/* Allocates until NULL; the regions form a list through their first words. */
static void* fill(size_t size, size_t* bytes) {
    void* list = NULL;
    *bytes = 0;
    for (;;) {
        errno = 0;
        void** const region = heap_malloc(size);
        if (region == NULL)
            break;
        *region = list;
        ((char*)region)[size - 1] = 1;
        list = region;
        *bytes += size;
    }
    CHECK(errno == ENOMEM, "malloc(%zu) gave NULL and errno %d", size, errno);
    return list;
}

static void expect_others_to_fail_or_work(void* list, size_t size) {
    errno = 0;
    CHECK(heap_calloc(1, (size_t)1 << 40) == NULL && errno == ENOMEM, "calloc of 1 TiB: errno %d",
          errno);
    errno = 0;
    void* const next = *(void**)list;
    CHECK(heap_realloc(list, (size_t)1 << 40) == NULL && errno == ENOMEM,
          "realloc to 1 TiB: errno %d", errno);
    CHECK(*(void**)list == next &&
              ((char*)list)[size - 1] == (size > sizeof next ? 1 : ((char*)list)[size - 1]),
          "a failed realloc changed its region");
}

static void free_list(void* list) {
    while (list != NULL) {
        void* const next = *(void**)list;
        heap_free(list);
        list = next;
    }
}

static size_t fill_in_child(long mib, size_t size, size_t* shared) {
    const pid_t child = fork();
    CHECK(child >= 0, "fork failed");
    if (child == 0) {
        limit_address_space(mib);
        void* const list = fill(size, shared);
        free_list(list);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "filling with %zu: status %#x", size,
          (unsigned)status);
    return *shared;
}

int main(int argc, char** argv) {
    const long mib = argument_or(argc, argv, 1, 64);
    size_t* const shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED, "mmap failed");
    size_t fresh[kSizeCount];
    for (int i = 0; i < kSizeCount; ++i) fresh[i] = fill_in_child(mib, kSizes[i], shared);
    limit_address_space(mib);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < kSizeCount; ++i) {
            size_t bytes = 0;
            void* const list = fill(kSizes[i], &bytes);
            if (list != NULL)
                expect_others_to_fail_or_work(list, kSizes[i]);
            free_list(list);
            printf("%8zu bytes: %4zu MiB in a fresh process, %4zu MiB in round %d\n", kSizes[i],
                   fresh[i] >> 20, bytes >> 20, round);
            fflush(stdout);
            CHECK(bytes >= fresh[i] / 10 * 9, "only %zu of %zu bytes obtainable as regions of %zu",
                  bytes, fresh[i], kSizes[i]);
        }
    }
    /* A fresh process must get most of what the limit leaves; half is far below any good allocator. */
    CHECK(fresh[0] >= ((size_t)mib << 20) / 2, "only %zu MiB of %ld", fresh[0] >> 20, mib);
    return 0;
}
