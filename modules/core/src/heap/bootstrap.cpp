// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bootstrap.cpp — the first call of the process, the first and the last call of a thread.
//
//   t_thread   nullptr ──first call──▸ own state ──last destructor round──▸ &g_direct_thread
//   t_cache    kEmptyCache             the state                            kEmptyCache
//                                      (kEmptyCache while counting or direct)
//
// Source      Thread-local storage of two pointers; the constant empty cache is the door.
#include <algorithm>

#include <granary/base/panic.hpp>
#include <granary/os/clock.hpp>
#include <granary/os/cpu.hpp>
#include <granary/os/pages.hpp>
#include <granary/os/thread.hpp>

#include "granary/core/background.hpp"
#include "granary/core/lifecycle.hpp"
#include "heap/heap_state.hpp"
#include "heap/probe.hpp"
#include "heap/thread_events.hpp"

namespace granary::core {

namespace {

/// Four automatic arenas per usable CPU are more than threads that run at once ever need, so that
/// sharing begins only when threads outnumber the CPUs several times; on small machines, this many.
constexpr uint32_t kLeastArenas = 8;

/// Rounds of key destructors that pass before the state is given up: other libraries' destructors
/// still allocate and free in between (POSIX promises four rounds).
constexpr uintptr_t kExitRounds = 3;

constinit thread_local ThreadState* t_thread GRANARY_TLS_INITIAL_EXEC = nullptr;

/// Serves threads that are ending, or for which there is no memory. Never written to.
constinit ThreadState g_direct_thread{ThreadState::Mode::direct};
/// The same for threads that are inside a hook of the program's.
constinit ThreadState g_diverted_thread{ThreadState::Mode::direct};

void on_thread_exit(void* value) noexcept {
    // SAFETY: the value is never followed as a pointer; it counts the rounds.
    const auto round = reinterpret_cast<uintptr_t>(value);
    // SAFETY: as above.
    if (round < kExitRounds && os::arm_thread_exit(reinterpret_cast<void*>(round + 1)))
        return;
    ThreadState* state = t_thread;
    if (state == nullptr || state == &g_direct_thread)
        return;
    t_thread = &g_direct_thread;
    detail::t_cache = const_cast<detail::CacheView*>(&detail::kEmptyCache);
    g_heap.threads.detach(*state);
}

}  // namespace

namespace detail {
constinit NoSlots g_no_slots{};
constinit const CacheView kEmptyCache{kNoOwnerKey};
// F1: nobody writes through it, since its bins are empty and full at once.
thread_local constinit CacheView* t_cache GRANARY_TLS_INITIAL_EXEC =
    const_cast<CacheView*>(&kEmptyCache);
}  // namespace detail

constinit Heap g_heap;

namespace {

/// Most automatic arenas, from the usable CPUs. Asked for when a second thread comes: counting them
/// takes nine system calls.
uint32_t derive_arena_limit() noexcept {
    const uint32_t per_cpu = g_heap.options.arenas_per_cpu_16;
    const uint64_t derived = (uint64_t{os::usable_cpus()} * per_cpu) >> 16;
    const uint64_t least = per_cpu == HeapOptions().arenas_per_cpu_16 ? kLeastArenas : 1;
    return static_cast<uint32_t>(std::clamp(derived, least, uint64_t{detail::kMaxArenas}));
}

/// Turns the options' special values into plain ones, and applies what is not the heap's.
void settle(HeapOptions& options) noexcept {
    options.background_threads =
        std::clamp<uint32_t>(options.background_threads, 1, kMostBackgroundThreads);
    if (options.purge_freed_from == 0)
        options.purge_freed_from = SIZE_MAX;
    if (options.trust_purges)
        os::trust_purges();
    set_lock_spins(options.lock_spins);
}

}  // namespace

void bootstrap() noexcept {
    // ORDER: acquire, pairs with the release below.
    if (g_heap.ready.load(std::memory_order_acquire))
        return;
    ScopedLock lock(g_heap.boot);
    if (g_heap.ready.load(std::memory_order_relaxed))
        return;
    HeapOptions options = load_startup_options();
    if (!options.valid)
        base::panic("the options above are not valid and abort_conf is set");
    settle(options);
    g_heap.options = options;
    g_heap.dirty_decay_ms.store(options.dirty_decay_ms, std::memory_order_relaxed);
    g_heap.muzzy_decay_ms.store(options.muzzy_decay_ms, std::memory_order_relaxed);
    const os::PageOps& ops = os::kernel_pages();
    g_heap.metadata.bind(ops);
    g_heap.metadata.set_huge_pages(options.metadata_huge_pages);
    g_heap.source.bind(ops, g_heap.metadata, g_heap.page_map);
    g_heap.source.set_policy(options.huge_pages, options.retain);
    g_heap.threads.bind(g_heap.source, g_heap.metadata, g_heap.magazines, options.arena_limit,
                        options.arena_limit == 0 ? derive_arena_limit : nullptr);
    const uint64_t now = os::coarse_now_ns();
    g_heap.source.set_decay(options.dirty_decay_ms, options.muzzy_decay_ms, now);
    g_heap.threads.set_decay(options.dirty_decay_ms, options.muzzy_decay_ms, now);
    // Without the hook threads' caches are not taken over, and nothing else is lost.
    static_cast<void>(os::register_thread_exit([](void* value) { on_thread_exit(value); }));
    // ORDER: release, pairs with the acquire above: who sees "ready" sees a bound heap.
    g_heap.ready.store(true, std::memory_order_release);
}

void register_process_hooks() noexcept {
    static_cast<void>(os::register_fork_handlers(fork_prepare, fork_parent, fork_child));
}

ThreadState& current_thread() noexcept {
    if (GRANARY_LIKELY(t_thread != nullptr))
        return *t_thread;
    bootstrap();
    ThreadState* state = g_heap.threads.attach(os::coarse_now_ns());
    if (state == nullptr)
        return g_direct_thread;  // tried again at the next call
    state->counted = false;
    state->mode = ordinary_mode(*state);
    restart_thread_events(*state);
    if (g_heap.options.thread_cache_max < kSmallMax)
        limit_thread_cache(*state, g_heap.options.thread_cache_max);
    t_thread = state;
    aim_fast_path(*state);
    // May allocate: the thread is ready for that. SAFETY: the value counts rounds (on_thread_exit).
    static_cast<void>(os::arm_thread_exit(reinterpret_cast<void*>(uintptr_t{1})));
    return *state;
}

ThreadState* attached_thread() noexcept {
    return t_thread == &g_direct_thread || t_thread == &g_diverted_thread ? nullptr : t_thread;
}

bool divert_thread(ThreadState*& saved) noexcept {
    if (t_thread == &g_diverted_thread)
        return false;
    saved = t_thread;
    t_thread = &g_diverted_thread;
    detail::t_cache = const_cast<detail::CacheView*>(&detail::kEmptyCache);
    return true;
}

void restore_thread(ThreadState* saved) noexcept {
    t_thread = saved;
    if (saved != nullptr && saved != &g_direct_thread)
        aim_fast_path(*saved);
}

bool is_diverted(const ThreadState& state) noexcept { return &state == &g_diverted_thread; }

void aim_fast_path(ThreadState& state) noexcept {
    detail::t_cache = state.mode == ThreadState::Mode::cached
                          ? &state
                          : const_cast<detail::CacheView*>(&detail::kEmptyCache);
}

Arena* arena_of(ThreadState& state) noexcept {
    return state.arena != nullptr ? state.arena : g_heap.threads.any_arena();
}

}  // namespace granary::core
