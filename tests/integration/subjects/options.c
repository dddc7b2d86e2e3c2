/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * options.c — what each option changes, seen by a program that was started with it.
 *
 * Role        options <what>; options_test.cpp gives it the option text.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "names.h"

#define MIB ((size_t)1 << 20)

/* Small, beyond the inlined table, large, huge. */
static const size_t kSizes[] = {1, 24, 100, 1000, 3000, 20000, 100000, 700000, 3 * MIB};
enum { kSizeCount = sizeof kSizes / sizeof kSizes[0] };

static int all_are(const unsigned char* bytes, size_t size, int value) {
    for (size_t i = 0; i < size; ++i) {
        if (bytes[i] != value)
            return 0;
    }
    return 1;
}

/* The address as a number, so that the compiler lets a freed region be looked at. */
static unsigned char* hidden(void* pointer) {
    volatile uintptr_t number = (uintptr_t)pointer;
    return (unsigned char*)number;
}

/* Memory is made dirty first, so that fresh zeros prove nothing. */
static void make_dirty(size_t size) {
    void* regions[32];
    const int count = size > MIB ? 2 : 32;
    for (int i = 0; i < count; ++i) {
        regions[i] = heap_malloc(size);
        memset(regions[i], 0x11, size);
    }
    for (int i = 0; i < count; ++i) heap_free(regions[i]);
}

static void* check_in_thread(void* value) {
    unsigned char* const region = heap_malloc(64);
    CHECK(all_are(region, 64, *(int*)value), "another thread's region is not filled");
    heap_free(region);
    return NULL;
}

static void filled_with(int value) {
    for (int s = 0; s < kSizeCount; ++s) {
        const size_t size = kSizes[s];
        make_dirty(size);
        unsigned char* region = heap_malloc(size);
        const size_t usable = heap_usable_size(region);
        CHECK(all_are(region, usable, value), "malloc(%zu)", size);
        memset(region, 0x22, usable);
        region = heap_realloc(region, usable + 5000);
        CHECK(all_are(region, size, 0x22), "realloc lost what malloc(%zu) held", size);
        CHECK(all_are(region + usable, heap_usable_size(region) - usable, value),
              "the rest of realloc(%zu)", usable + 5000);
        heap_free(region);
        unsigned char* const zeroed = heap_calloc(1, size);
        CHECK(all_are(zeroed, heap_usable_size(zeroed), 0), "calloc(%zu)", size);
        heap_free(zeroed);
        unsigned char* const aligned = heap_aligned_alloc(256, size);
        CHECK(all_are(aligned, heap_usable_size(aligned), value), "aligned_alloc(256, %zu)", size);
        heap_free(aligned);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, check_in_thread, &value);
    pthread_join(thread, NULL);
}

static void filled_when_freed(void) {
    for (int s = 0; s < kSizeCount; ++s) {
        unsigned char* const region = heap_malloc(kSizes[s]);
        memset(region, 0x33, kSizes[s]);
        heap_free(region);
        CHECK(all_are(hidden(region), kSizes[s], 0x5a), "after free of %zu bytes", kSizes[s]);
    }
}

/* Prints what became of realloc(p, 0). */
static void realloc_to_nothing(void) {
    void* const region = heap_malloc(100);
    volatile size_t zero = 0;
    void* const result = heap_realloc(region, zero);
    printf("%s\n", result == NULL ? "freed" : "kept");
    heap_free(result);
}

static void exhaust(void) {
    volatile size_t most = PTRDIFF_MAX;
    void* const region = heap_malloc(most);
    printf("%s\n", region == NULL ? "null" : "memory");
}

static void allocate_much(void) {
    for (int i = 0; i < 1000; ++i) {
        void* const region = heap_malloc(10000);
        *(volatile char*)region = 1;
        heap_free(region);
    }
}

static size_t address_space_kib(void) {
    FILE* const file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL, "no /proc/self/statm");
    size_t pages = 0;
    CHECK(fscanf(file, "%zu", &pages) == 1, "no size");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* Prints how many MiB of 256 MiB of freed blocks are still there: as memory, as addresses. */
static void what_remains(void) {
    enum { kBlocks = 64 };
    void* blocks[kBlocks];
    const long rss = rss_kib();
    const size_t space = address_space_kib();
    for (int i = 0; i < kBlocks; ++i) {
        blocks[i] = heap_malloc(4 * MIB);
        memset(blocks[i], 1, 4 * MIB);
    }
    for (int i = 0; i < kBlocks; ++i) heap_free(blocks[i]);
    const long kept = (rss_kib() - rss) / 1024;
    heap_mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    const long purged = (rss_kib() - rss) / 1024;
    printf("%ld %ld %ld\n", kept, purged, ((long)address_space_kib() - (long)space) / 1024);
}

/* Prints whether calloc over dirty memory gave pages back to zero them. */
static void zeroed_by(void) {
    unsigned char* const dirty = heap_malloc(32 * MIB);
    memset(dirty, 1, 32 * MIB);
    heap_free(dirty);
    const long before = rss_kib();
    unsigned char* const zeroed = heap_calloc(1, 32 * MIB);
    const long after = rss_kib();
    CHECK(zeroed == hidden(dirty), "the block is another one");
    CHECK(all_are(zeroed, 32 * MIB, 0), "calloc");
    printf("%s\n", before - after > 20 * 1024 ? "kernel" : "writing");
    heap_free(zeroed);
}

/* Prints whether the mapping that `address` lies in has a flag in /proc/self/smaps. */
static int mapping_has(const void* address, const char* flag) {
    FILE* const file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL, "no /proc/self/smaps");
    char line[512];
    int inside = 0;
    int found = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long from = 0;
        unsigned long to = 0;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)address && (uintptr_t)address < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    fclose(file);
    return found;
}

static void huge_pages(void) {
    void* const small = heap_malloc(100);
    void* const huge = heap_malloc(8 * MIB);
    printf("%d%d %d%d\n", mapping_has(small, " hg"), mapping_has(huge, " hg"),
           mapping_has(small, " nh"), mapping_has(huge, " nh"));
}

/* Prints the largest size that this thread caches, and what stays in its cache of each of two sizes. */
static void cached(void) {
    size_t most = 0;
    size_t length = sizeof most;
    CHECK(heap_mallctl("thread.tcache.max", &most, &length, NULL, 0) == 0, "thread.tcache.max");
    printf("%zu", most);
    for (size_t size = 512; size <= 4096; size *= 8) {
        void* regions[64];
        size_t held[2] = {0, 0};
        for (int i = 0; i < 64; ++i) regions[i] = heap_malloc(size);
        for (int i = 0; i < 64; ++i) heap_free(regions[i]);
        for (int i = 0; i < 2; ++i) {
            uint64_t epoch = 1;
            length = sizeof epoch;
            heap_mallctl("epoch", NULL, NULL, &epoch, length);
            length = sizeof held[i];
            CHECK(heap_mallctl("stats.cached", &held[i], &length, NULL, 0) == 0, "stats.cached");
            heap_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
        }
        printf(" %s", held[0] >= held[1] + size ? "kept" : "returned");
    }
    printf("\n");
}

static int threads_of_this_process(void) {
    DIR* const directory = opendir("/proc/self/task");
    CHECK(directory != NULL, "no /proc/self/task");
    int count = 0;
    while (readdir(directory) != NULL) ++count;
    closedir(directory);
    return count - 2;  /* . and .. */
}

static int wait_for_threads(int wanted) {
    for (int i = 0; i < 2000 && threads_of_this_process() != wanted; ++i) {
        allocate_much();
        sleep_ms(2);
    }
    return threads_of_this_process();
}

static void* allocate_and_wait(void* barrier) {
    void* const region = heap_malloc(100);
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier);
    heap_free(region);
    return NULL;
}

/* With threads that have arenas, there are more background threads; fewer after less is wanted. */
static void many_background_threads(void) {
    enum { kThreads = 23 };
    pthread_barrier_t barrier;
    pthread_t threads[kThreads];
    pthread_barrier_init(&barrier, NULL, kThreads + 1);
    for (int i = 0; i < kThreads; ++i)
        CHECK(pthread_create(&threads[i], NULL, allocate_and_wait, &barrier) == 0, "no thread");
    pthread_barrier_wait(&barrier);
    const int others = kThreads + 1;
    CHECK(wait_for_threads(others + 3) == others + 3, "%d threads, not 3 more than %d",
          threads_of_this_process(), others);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
}

/* On, in a child, off, on again; what the program's end leaves is the test's to see. */
static void background_threads(void) {
    CHECK(wait_for_threads(2) == 2, "no background thread came");
    const pid_t child = fork();
    if (child == 0) {
        CHECK(threads_of_this_process() == 1, "threads in a fresh child");
        CHECK(wait_for_threads(2) == 2, "no background thread in the child");
        exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "the child ended with %d", status);
    unsigned char enabled = 0;
    CHECK(heap_mallctl("background_thread", NULL, NULL, &enabled, 1) == 0, "off");
    CHECK(threads_of_this_process() == 1, "the thread is still there");
    sleep_ms(50);
    allocate_much();
    CHECK(threads_of_this_process() == 1, "the thread came back");
    enabled = 1;
    CHECK(heap_mallctl("background_thread", NULL, NULL, &enabled, 1) == 0, "on");
    CHECK(wait_for_threads(2) == 2, "no thread after it was wanted again");
    many_background_threads();
}

static void* contend(void* shared) {
    for (int i = 0; i < 20000; ++i) {
        void* const region = heap_malloc(200000 + (size_t)(i % 7) * 4096);
        void* const old = __atomic_exchange_n((void**)shared, region, __ATOMIC_ACQ_REL);
        heap_free(old);
    }
    return NULL;
}

static void contended(void) {
    pthread_t threads[4];
    void* shared = NULL;
    for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, contend, &shared);
    for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
    heap_free(shared);
}

int main(int argc, char** argv) {
    const char* const what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "junk-alloc") == 0)
        filled_with(0xa5);
    else if (strcmp(what, "zero") == 0)
        filled_with(0);
    else if (strcmp(what, "junk-free") == 0)
        filled_when_freed();
    else if (strcmp(what, "realloc") == 0)
        realloc_to_nothing();
    else if (strcmp(what, "exhaust") == 0)
        exhaust();
    else if (strcmp(what, "much") == 0)
        allocate_much();
    else if (strcmp(what, "remains") == 0)
        what_remains();
    else if (strcmp(what, "calloc") == 0)
        zeroed_by();
    else if (strcmp(what, "huge-pages") == 0)
        huge_pages();
    else if (strcmp(what, "cached") == 0)
        cached();
    else if (strcmp(what, "background") == 0)
        background_threads();
    else if (strcmp(what, "contended") == 0)
        contended();
    else
        CHECK(0, "nothing of that name: %s", what);
    return 0;
}
