// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// known.cpp — sections over known_malloc whose counts the test knows.
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>

#include "../marker.hpp"

using counts::mark;
using counts::Marker;

namespace {

void* ten_frees(void*) {
    for (int i = 0; i < 10; ++i) std::free(nullptr);
    return nullptr;
}

}  // namespace

int main() {
    Dl_info info{};
    if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0)
        return 1;
    mark(Marker::kReady, info.dli_fname);
    void* volatile kept = nullptr;
    mark(Marker::kBegin, "ten_mallocs");
    for (std::size_t i = 0; i < 10; ++i) kept = std::malloc(100 + i);
    mark(Marker::kEnd, "ten_mallocs", 10);
    mark(Marker::kBegin, "one_calloc");
    kept = std::calloc(1, 64);
    mark(Marker::kEnd, "one_calloc", 1);
    pthread_t thread{};
    mark(Marker::kBegin, "other_thread");
    if (pthread_create(&thread, nullptr, ten_frees, nullptr) != 0)
        return 1;
    pthread_join(thread, nullptr);
    mark(Marker::kEnd, "other_thread", 1);
    mark(Marker::kBegin, "system_calls");
    for (int i = 0; i < 3; ++i) (void)getppid();
    mark(Marker::kEnd, "system_calls", 3);
    return kept == nullptr ? 1 : 0;
}
