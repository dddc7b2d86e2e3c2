// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// background.cpp — optional threads that purge by the decay curves while the program sleeps.
//
// Owns        The threads; arena i is looked after by thread i modulo their number, what is not an
//             arena's by the first one.
// Invariants  W1  threads are started by ticks after they were wanted, not at load; another one per
//                 kArenasPerThread arenas.
//             W2  in a forked child they do not exist; the child's next tick starts them again.
//             W3  g_running is their number; only start_locked() and stop_locked() change it, and
//                 threads end only when all of them are told to.
// Locking     LockRank::background around starting and ending. A thread's own ticks only try it.
#include "granary/core/background.hpp"

#include <algorithm>
#include <array>

#include <granary/os/clock.hpp>
#include <granary/os/futex.hpp>
#include <granary/os/thread.hpp>

#include "granary/core/control.hpp"
#include "heap/heap_state.hpp"
#include "heap/warning.hpp"

namespace granary::core {

namespace {

constexpr int64_t kLongestNapMs = 1000;
/// One thread purges a few arenas in no time.
constexpr uint32_t kArenasPerThread = 8;

constinit Mutex g_mutex{LockRank::background};
constinit std::atomic<bool> g_wanted{false};
constinit std::atomic<uint32_t> g_running{0};
constexpr uint32_t kAsTheOptionsSay = ~uint32_t{0};
constinit std::atomic<uint32_t> g_most{kAsTheOptionsSay};
constinit std::atomic<uint32_t> g_stop{0};     // futex word: 1 asks the threads to end
constinit std::atomic<bool> g_decided{false};  // the option was applied or overridden
constinit std::atomic<bool> g_ended{false};    // with the process, for good
constinit std::atomic<bool> g_refused{false};  // the system had no room for a thread
constinit std::atomic<uint64_t> g_runs{0};
constinit std::atomic<uint64_t> g_last_interval{0};
constinit std::array<os::Thread, kMostBackgroundThreads> g_threads{};  // guarded by g_mutex

void purge_loop(uint32_t number) noexcept {
    uint64_t last = 0;
    // ORDER: acquire, pairs with the release in stop_locked().
    while (g_stop.load(std::memory_order_acquire) == 0) {
        const uint64_t now = os::coarse_now_ns();
        if (last != 0)
            g_last_interval.store(now - last, std::memory_order_relaxed);
        last = now;
        g_runs.fetch_add(1, std::memory_order_relaxed);
        const uint32_t running = std::max(g_running.load(std::memory_order_relaxed), number + 1);
        // Other threads do not wake it: a nap is short enough, and dirty pages are not urgent.
        const int64_t nap = std::min(maintain_share(number, running), kLongestNapMs);
        os::futex_wait_for(g_stop, 0, static_cast<uint64_t>(nap) * 1'000'000);
    }
}

/// How many threads the arenas are worth.
uint32_t worthwhile() noexcept {
    const uint32_t arenas = g_heap.threads.arena_count();
    return std::min(max_background_threads(), (arenas + kArenasPerThread - 1) / kArenasPerThread);
}

/// Starts what is missing up to `count` threads. False if the system has no room.
bool start_locked(uint32_t count) noexcept {
    while (g_running.load(std::memory_order_relaxed) < count) {
        const uint32_t number = g_running.load(std::memory_order_relaxed);
        g_stop.store(0, std::memory_order_relaxed);
        // First: the new thread's own ticks must not start another.
        g_running.store(number + 1, std::memory_order_relaxed);
        auto body = [](void* argument) {
            // SAFETY: the argument is a small number, never followed as a pointer.
            purge_loop(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(argument)));
        };
        // SAFETY: as above.
        if (os::spawn_thread(body, reinterpret_cast<void*>(uintptr_t{number}),
                             &g_threads[number])) {
            continue;
        }
        g_running.store(number, std::memory_order_relaxed);
        return false;
    }
    return true;
}

void stop_locked() noexcept {
    // ORDER: release, pairs with the acquire in purge_loop().
    g_stop.store(1, std::memory_order_release);
    os::futex_wake_all(g_stop);
    for (uint32_t i = 0; i < g_running.load(std::memory_order_relaxed); ++i)
        os::join_thread(g_threads[i]);
    g_running.store(0, std::memory_order_relaxed);
}

}  // namespace

Mutex& background_mutex() noexcept { return g_mutex; }

void start_background_thread_if_wanted() noexcept {
    if (!g_decided.load(std::memory_order_relaxed)) {
        g_wanted.store(g_heap.options.background_thread, std::memory_order_relaxed);
        g_decided.store(true, std::memory_order_relaxed);
    }
    if (GRANARY_LIKELY(!g_wanted.load(std::memory_order_relaxed) ||
                       g_running.load(std::memory_order_relaxed) >= worthwhile()))
        return;
    if (!g_mutex.try_lock())
        return;
    const bool started = !g_wanted.load(std::memory_order_relaxed) || start_locked(worthwhile());
    g_mutex.unlock();
    // Once: the next ticks try again in silence.
    if (!started && !g_refused.exchange(true, std::memory_order_relaxed))
        warn("the system has no room for a background thread");
}

bool set_background_thread(bool enabled) noexcept {
    ScopedLock lock(g_mutex);
    if (enabled && g_ended.load(std::memory_order_relaxed))
        return false;
    g_decided.store(true, std::memory_order_relaxed);
    g_wanted.store(enabled, std::memory_order_relaxed);
    if (enabled)
        return start_locked(std::min(std::max<uint32_t>(worthwhile(), 1), max_background_threads()));
    stop_locked();
    return true;
}

bool background_thread_enabled() noexcept {
    return g_decided.load(std::memory_order_relaxed) ? g_wanted.load(std::memory_order_relaxed)
                                                     : g_heap.options.background_thread;
}

uint32_t max_background_threads() noexcept {
    const uint32_t most = g_most.load(std::memory_order_relaxed);
    return most != kAsTheOptionsSay ? most : g_heap.options.background_threads;
}

bool set_max_background_threads(uint32_t most) noexcept {
    if (most > g_heap.options.background_threads)
        return false;
    ScopedLock lock(g_mutex);
    g_most.store(most, std::memory_order_relaxed);
    if (g_running.load(std::memory_order_relaxed) > most)
        stop_locked();  // the next tick starts as many as are wanted now
    return true;
}

void stop_background_threads() noexcept {
    ScopedLock lock(g_mutex);
    g_ended.store(true, std::memory_order_relaxed);
    g_decided.store(true, std::memory_order_relaxed);
    g_wanted.store(false, std::memory_order_relaxed);
    stop_locked();
}

BackgroundSnapshot background_snapshot() noexcept {
    return {g_running.load(std::memory_order_relaxed), g_runs.load(std::memory_order_relaxed),
            g_last_interval.load(std::memory_order_relaxed)};
}

void forget_background_thread() noexcept {
    g_running.store(0, std::memory_order_relaxed);
    g_threads = {};
}

}  // namespace granary::core
