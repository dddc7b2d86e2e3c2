// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread.cpp — POSIX threads: one key for the exit hook, one way to start a maintenance thread.
#include <granary/os/thread.hpp>

#include <pthread.h>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstring>

#include <granary/os/futex.hpp>

#if defined(__GLIBC__)
// What glibc's pthread_atfork calls, which is a stub that is linked behind all else in a library:
// the start of every process would touch that page, and map its neighbours, for nothing else.
extern "C" {
extern void* __dso_handle __attribute__((visibility("hidden")));
int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(),
                      void* library) noexcept;
}
#endif

namespace granary::os {
namespace {

static_assert(sizeof(pthread_t) <= sizeof(Thread::handle));

constexpr size_t kStackSize = size_t{256} * 1024;

enum class KeyState : uint32_t { absent, making, ready };
constinit std::atomic<KeyState> g_exit_key_state{KeyState::absent};
constinit pthread_key_t g_exit_key{};

/// What a new thread needs to know, on the stack of the thread that starts it.
struct Start {
    void (*body)(void*);
    void* argument;
    std::atomic<uint32_t> taken{0};
};

void* enter_thread(void* start_pointer) noexcept {
    Start& start = *static_cast<Start*>(start_pointer);
    void (*const body)(void*) = start.body;
    void* const argument = start.argument;
    // ORDER: release, pairs with the acquire in await_start(): the copies above are done. The wake
    // may come after `start` is gone; a wake only compares addresses, it does not touch the word.
    start.taken.store(1, std::memory_order_release);
    futex_wake(start.taken, 1);
    body(argument);
    return nullptr;
}

void await_start(Start& start) noexcept {
    // ORDER: acquire, pairs with the release in enter_thread().
    while (start.taken.load(std::memory_order_acquire) == 0) {
        futex_wait(start.taken, 0);
    }
}

bool create_thread(pthread_t& handle, size_t stack_size, bool detached, Start& start) noexcept {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool done = !detached || pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0;
    if (done && stack_size != 0) {
        done = pthread_attr_setstacksize(&attributes, stack_size) == 0;
    }
    done = done && pthread_create(&handle, &attributes, enter_thread, &start) == 0;
    pthread_attr_destroy(&attributes);
    return done;
}

}  // namespace

bool register_thread_exit(void (*hook)(void*)) noexcept {
    KeyState expected = KeyState::absent;
    // ORDER: acq_rel, claims the key for this caller.
    if (!g_exit_key_state.compare_exchange_strong(
            expected, KeyState::making, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return false;
    }
    const bool made = pthread_key_create(&g_exit_key, hook) == 0;
    // ORDER: release, publishes g_exit_key to arm_thread_exit().
    g_exit_key_state.store(made ? KeyState::ready : KeyState::absent, std::memory_order_release);
    return made;
}

bool arm_thread_exit(void* value) noexcept {
    // ORDER: acquire, pairs with the release in register_thread_exit().
    return g_exit_key_state.load(std::memory_order_acquire) == KeyState::ready &&
           pthread_setspecific(g_exit_key, value) == 0;
}

bool spawn_thread(void (*body)(void*), void* argument, Thread* thread) noexcept {
    Start start{body, argument};
    // A new thread inherits the mask: it must never run a handler of the program.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t handle{};
    const bool detached = thread == nullptr;
    // Programs with much static TLS need more than the small stack; the default always fits.
    const bool made = create_thread(handle, kStackSize, detached, start) ||
                      create_thread(handle, 0, detached, start);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!made) {
        return false;
    }
    await_start(start);
    if (thread != nullptr) {
        thread->handle = 0;
        std::memcpy(&thread->handle, &handle, sizeof handle);
        thread->joinable = true;
    }
    return true;
}

bool join_thread(Thread& thread) noexcept {
    if (!thread.joinable) {
        return false;
    }
    thread.joinable = false;
    pthread_t handle{};
    std::memcpy(&handle, &thread.handle, sizeof handle);
    return pthread_join(handle, nullptr) == 0;
}

bool register_fork_handlers(void (*prepare)(), void (*parent)(), void (*child)()) noexcept {
#if defined(__GLIBC__)
    return __register_atfork(prepare, parent, child, &__dso_handle) == 0;
#else
    return pthread_atfork(prepare, parent, child) == 0;
#endif
}

}  // namespace granary::os
