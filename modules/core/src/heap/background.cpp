// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// background.cpp — an optional thread that purges by the decay curves while the program sleeps.
//
// Invariants  W1  the thread is started by the first tick after it was wanted, not at load.
//             W2  in a forked child it does not exist; the child's next tick starts it again.
#include <granary/os/futex.hpp>
#include <granary/os/thread.hpp>

#include "granary/core/control.hpp"
#include "heap/heap_state.hpp"

namespace granary::core {

namespace {

constinit Mutex g_mutex{LockRank::background};
constinit std::atomic<bool> g_wanted{false};
constinit std::atomic<bool> g_running{false};
constinit std::atomic<uint32_t> g_stop{0};     // futex word: 1 asks the thread to end
constinit os::Thread g_thread{};               // guarded by g_mutex
constinit std::atomic<bool> g_decided{false};  // the option was applied or overridden

constexpr int64_t kLongestNapMs = 1000;

void purge_loop(void*) noexcept {
    // ORDER: acquire, pairs with the release in set_background_thread().
    while (g_stop.load(std::memory_order_acquire) == 0) {
        int64_t nap = maintain();
        // Other threads do not wake it: a nap is short enough, and dirty pages are not urgent.
        if (nap > kLongestNapMs)
            nap = kLongestNapMs;
        os::futex_wait_for(g_stop, 0, static_cast<uint64_t>(nap) * 1'000'000);
    }
}

bool start_locked() noexcept {
    if (g_running.load(std::memory_order_relaxed))
        return true;
    g_stop.store(0, std::memory_order_relaxed);
    g_running.store(
        true, std::memory_order_relaxed);  // the new thread's own ticks must not start another
    if (os::spawn_thread([](void* argument) { purge_loop(argument); }, nullptr, &g_thread))
        return true;
    g_running.store(false, std::memory_order_relaxed);
    return false;
}

}  // namespace

Mutex& background_mutex() noexcept { return g_mutex; }

void start_background_thread_if_wanted() noexcept {
    if (!g_decided.load(std::memory_order_relaxed)) {
        g_wanted.store(g_heap.options.background_thread, std::memory_order_relaxed);
        g_decided.store(true, std::memory_order_relaxed);
    }
    if (GRANARY_LIKELY(!g_wanted.load(std::memory_order_relaxed) ||
                       g_running.load(std::memory_order_relaxed)))
        return;
    if (!g_mutex.try_lock())
        return;
    if (g_wanted.load(std::memory_order_relaxed))
        static_cast<void>(start_locked());
    g_mutex.unlock();
}

bool set_background_thread(bool enabled) noexcept {
    ScopedLock lock(g_mutex);
    g_decided.store(true, std::memory_order_relaxed);
    g_wanted.store(enabled, std::memory_order_relaxed);
    if (enabled)
        return start_locked();
    if (!g_running.load(std::memory_order_relaxed))
        return true;
    // ORDER: release, pairs with the acquire in purge_loop().
    g_stop.store(1, std::memory_order_release);
    os::futex_wake(g_stop, 1);
    os::join_thread(g_thread);
    g_running.store(false, std::memory_order_relaxed);
    return true;
}

bool background_thread_enabled() noexcept {
    return g_decided.load(std::memory_order_relaxed) ? g_wanted.load(std::memory_order_relaxed)
                                                     : g_heap.options.background_thread;
}

void forget_background_thread() noexcept {
    g_running.store(false, std::memory_order_relaxed);
    g_thread = {};
}

}  // namespace granary::core
