/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * late_dlopen.c — loads libgranary.so into a running program with threads, and lets go of it.
 *
 * Role        late_dlopen <path of libgranary.so> [bytes of TLS]. Threads older and younger than the
 *             load allocate with it; its TLS must fit the space that the loader keeps for late
 *             libraries; code that threads still need must survive dlclose.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>

#include "names.h"

enum { kThreads = 8 };

typedef void* (*MallocFunction)(size_t);
typedef void (*FreeFunction)(void*);

static MallocFunction late_malloc;
static FreeFunction late_free;
static size_t max_tls_bytes = 16;
static pthread_barrier_t loaded;
static pthread_barrier_t unloaded;

static void allocate(void) {
    void* regions[100];
    for (int i = 0; i < 100; ++i) {
        regions[i] = late_malloc((size_t)i * 500 + 8);
        CHECK(regions[i] != NULL, "granary_malloc failed");
        memset(regions[i], i, (size_t)i * 500 + 8);
    }
    for (int i = 0; i < 100; ++i) late_free(regions[i]);
}

static void* older_thread(void* unused) {
    (void)unused;
    pthread_barrier_wait(&loaded);
    allocate();
    pthread_barrier_wait(&unloaded);
    return NULL; /* the exit hook runs after dlclose */
}

static void* younger_thread(void* unused) {
    (void)unused;
    allocate();
    return NULL;
}

static int check_tls(struct dl_phdr_info* object, size_t size, void* found) {
    (void)size;
    if (strstr(object->dlpi_name, "libgranary") == NULL)
        return 0;
    *(int*)found += 1;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        if (object->dlpi_phdr[i].p_type != PT_TLS)
            continue;
        const size_t bytes = (size_t)object->dlpi_phdr[i].p_memsz;
        CHECK(bytes <= max_tls_bytes, "%s takes %zu bytes of static TLS", object->dlpi_name, bytes);
    }
    return 0;
}

int main(int argc, char** argv) {
    CHECK(argc >= 2, "usage: late_dlopen <path of libgranary.so> [bytes of TLS allowed]");
    max_tls_bytes = (size_t)argument_or(argc, argv, 2, 16);
    pthread_barrier_init(&loaded, NULL, kThreads + 1);
    pthread_barrier_init(&unloaded, NULL, kThreads + 1);
    pthread_t older[kThreads];
    for (int i = 0; i < kThreads; ++i)
        CHECK(pthread_create(&older[i], NULL, older_thread, NULL) == 0, "no thread");
    for (int i = 0; i < 100; ++i) {
        void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL, "%s", dlerror());
        *(void**)&late_malloc = dlsym(library, "granary_malloc");
        *(void**)&late_free = dlsym(library, "granary_free");
        CHECK(late_malloc != NULL && late_free != NULL, "%s", dlerror());
        pthread_t younger;
        CHECK(pthread_create(&younger, NULL, younger_thread, NULL) == 0, "no thread");
        pthread_join(younger, NULL);
        if (i == 0) {
            int found = 0;
            dl_iterate_phdr(check_tls, &found);
            CHECK(found == 1, "libgranary is loaded %d times", found);
            pthread_barrier_wait(&loaded);
        }
        CHECK(dlclose(library) == 0, "%s", dlerror());
        if (i == 0)
            pthread_barrier_wait(&unloaded);
        if (i == 0) {
            for (int thread = 0; thread < kThreads; ++thread) pthread_join(older[thread], NULL);
        }
    }
    return 0;
}
