// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_control.cpp — what a thread may choose about its own cache; see granary/core/control.hpp.
#include <algorithm>

#include <granary/os/cpu.hpp>

#include "arena/misuse.hpp"
#include "granary/core/control.hpp"
#include "heap/heap_state.hpp"
#include "heap/probe.hpp"

namespace granary::core {

namespace {

static_assert(kSmallClassCount <= 64, "ThreadState::uncached has a bit per class");

/// Twice as many arenas as CPUs: then it is worth a purge when one thread waits.
constexpr unsigned kArenasPerCpuThatIdle = 2;

/// The calling thread's own state, or nullptr.
ThreadState* own_thread() noexcept {
    ThreadState& state = current_thread();
    return state.arena == nullptr ? nullptr : &state;
}

}  // namespace

bool thread_peak(uint64_t& bytes) noexcept {
    const ThreadState* state = counting_thread();
    if (state == nullptr)
        return false;
    bytes = static_cast<uint64_t>(std::max<int64_t>(state->peak - state->peak_base, 0));
    return true;
}

bool reset_thread_peak() noexcept {
    ThreadState* state = counting_thread();
    if (state == nullptr)
        return false;
    state->peak_base = static_cast<int64_t>(state->allocated.load(std::memory_order_relaxed) -
                                            state->deallocated.load(std::memory_order_relaxed));
    state->peak = state->peak_base;
    return true;
}

bool thread_cache_enabled() noexcept {
    const ThreadState* state = own_thread();
    return state != nullptr && state->mode != ThreadState::Mode::direct;
}

bool set_thread_cache_enabled(bool enabled) noexcept {
    ThreadState* state = own_thread();
    if (state == nullptr)
        return false;
    if (enabled == (state->mode != ThreadState::Mode::direct))
        return true;
    state->flush();
    state->mode = enabled ? caching_mode(*state) : ThreadState::Mode::direct;
    aim_fast_path(*state);
    return true;
}

size_t thread_cache_max() noexcept {
    const ThreadState* state = own_thread();
    return state == nullptr ? 0 : state->cache_max;
}

bool set_thread_cache_max(size_t bytes) noexcept {
    ThreadState* state = own_thread();
    if (state == nullptr)
        return false;
    limit_thread_cache(*state, bytes);
    return true;
}

void limit_thread_cache(ThreadState& state, size_t bytes) noexcept {
    const unsigned last = small_class(std::min(bytes, kSmallMax));
    state.flush();
    state.cache_max = kSizeClasses[last].size;
    state.set_cached(0, last, true);
    if (last + 1 < kSmallClassCount)
        state.set_cached(last + 1, kSmallClassCount - 1, false);
}

size_t thread_class_slots(unsigned size_class) noexcept {
    const ThreadState* state = own_thread();
    if (state == nullptr || !state->caches(size_class))
        return 0;
    return kSizeClasses[size_class].magazine_capacity;
}

bool set_thread_classes_cached(unsigned first, unsigned last, bool cached) noexcept {
    ThreadState* state = own_thread();
    if (state == nullptr)
        return false;
    state->flush();
    state->set_cached(first, last, cached);
    return true;
}

bool idle_thread() noexcept {
    ThreadState* state = own_thread();
    if (state == nullptr)
        return false;
    if (state->mode != ThreadState::Mode::direct)
        state->flush();
    if (g_heap.threads.arena_limit() > kArenasPerCpuThatIdle * os::usable_cpus())
        state->arena->purge();
    return true;
}

void set_misuse_hook(MisuseHook hook) noexcept { misuse::set_hook(hook); }

}  // namespace granary::core
