// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// process_exit.cpp — exits while other threads allocate; handlers and destructors allocate too.
//
// Role        process_exit <return|exit|quick_exit>. The last line on stdout shows that every handler ran.
#include <pthread.h>

#include <atomic>
#include <vector>

#include "names.h"

namespace {

std::atomic<int> handlers_run{0};

void work() {
    for (size_t size = 8; size < 100000; size += size / 2) {
        void* const region = heap_malloc(size);
        CHECK(region != nullptr, "malloc(%zu) failed at exit", size);
        memset(region, 1, size);
        heap_free(heap_realloc(region, size * 2));
    }
}

void handler() {
    work();
    handlers_run.fetch_add(1, std::memory_order_relaxed);
}

struct Static {
    void* region = heap_malloc(5000);
    std::vector<int> numbers = std::vector<int>(1000, 1);
    ~Static() {
        handler();
        heap_free(region);
        if (handlers_run.load(std::memory_order_relaxed) >= 2) {
            const char text[] = "all handlers ran\n";
            if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
                _exit(1);
        }
    }
};
Static static_object;

void* allocate_forever(void*) {
    for (;;) work();
}

void quick_handler() {
    handler();
    const char text[] = "all handlers ran\n";
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc == 2, "usage: process_exit <return|exit|quick_exit>");
    CHECK(atexit(handler) == 0 && at_quick_exit(quick_handler) == 0, "cannot register");
    for (int i = 0; i < 8; ++i) {
        pthread_t thread;
        CHECK(pthread_create(&thread, nullptr, allocate_forever, nullptr) == 0, "no thread");
    }
    work();
    if (strcmp(argv[1], "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(argv[1], "exit") == 0)
        exit(0);
    return 0;
}
