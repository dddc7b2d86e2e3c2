// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// probe.cpp — see both headers; also warnings.
#include "granary/core/probe.hpp"

#include <cstring>

#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>
#include <granary/os/io.hpp>

#include "heap/probe.hpp"
#include "heap/thread_events.hpp"
#include "heap/warning.hpp"

namespace granary::core {

namespace {

constinit std::atomic<uint64_t> g_zero_reallocs{0};
constinit std::atomic<void (*)() noexcept> g_report_hook{nullptr};
constinit std::atomic<uint64_t> g_allocated{0};  // bytes, where a report interval is set
constinit std::atomic<bool> g_reporting{false};

/// Single writer: a load and a store, so that other threads may read.
void add(std::atomic<uint64_t>& counter, size_t bytes) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

void fill_allocated(void* from, size_t bytes) noexcept {
    const HeapOptions& options = g_heap.options;
    if (options.zero_allocated) {
        std::memset(from, 0, bytes);
    } else if (options.junk_allocated) {
        std::memset(from, kJunkAllocated, bytes);
    }
}

/// Calls the hook when the process's bytes pass the next multiple of the interval. One report at a
/// time: what is allocated while one is printed starts none.
void note_for_report(size_t bytes) noexcept {
    const int64_t interval = g_heap.options.report_interval;
    if (interval < 0 || is_forking_thread())
        return;
    const uint64_t step = interval > 0 ? static_cast<uint64_t>(interval) : 1;
    const uint64_t before = g_allocated.fetch_add(bytes, std::memory_order_relaxed);
    if (before / step == (before + bytes) / step)
        return;
    // ORDER: acquire, pairs with the release in set_report_hook().
    auto* const hook = g_report_hook.load(std::memory_order_acquire);
    if (hook == nullptr || g_reporting.exchange(true, std::memory_order_relaxed))
        return;
    hook();
    g_reporting.store(false, std::memory_order_relaxed);
}

}  // namespace

bool is_probing(const HeapOptions& options) noexcept {
    return options.junk_allocated || options.junk_freed || options.zero_allocated ||
           options.report_interval >= 0;
}

ThreadState::Mode caching_mode(const ThreadState& state) noexcept {
    const bool counts = state.counted || is_probing(g_heap.options) || has_thread_events();
    return counts ? ThreadState::Mode::counting : ThreadState::Mode::cached;
}

ThreadState::Mode ordinary_mode(const ThreadState& state) noexcept {
    if (!g_heap.options.thread_cache)
        return ThreadState::Mode::direct;
    return caching_mode(state);
}

void probe_allocated(ThreadState& state, void* region, size_t usable, bool zeroed) noexcept {
    if (state.arena != nullptr) {  // without one it is shared by threads: not to be written to
        add(state.allocated, usable);
        raise_peak(state);
    }
    if (!zeroed)
        fill_allocated(region, usable);
    note_for_report(usable);
    note_thread_event(state, true, usable);
}

void probe_freed(ThreadState& state, void* region, size_t usable) noexcept {
    if (state.arena != nullptr)
        add(state.deallocated, usable);
    note_thread_event(state, false, usable);
    if (g_heap.options.junk_freed)
        std::memset(region, kJunkFreed, usable);
}

void probe_resized(ThreadState& state, void* region, size_t before, size_t after) noexcept {
    if (state.arena != nullptr) {
        add(state.deallocated, before);
        add(state.allocated, after);
        raise_peak(state);
    }
    if (after > before)
        fill_allocated(static_cast<std::byte*>(region) + before, after - before);
    note_for_report(after);
    note_thread_event(state, true, after);
    note_thread_event(state, false, before);
}

ZeroRealloc note_zero_realloc() noexcept {
    g_zero_reallocs.fetch_add(1, std::memory_order_relaxed);
    return g_heap.options.zero_realloc;
}

uint64_t zero_reallocs() noexcept { return g_zero_reallocs.load(std::memory_order_relaxed); }

void set_report_hook(void (*hook)() noexcept) noexcept {
    // ORDER: release, pairs with the acquire in note_for_report().
    g_report_hook.store(hook, std::memory_order_release);
}

void warn(std::string_view what) noexcept {
    if (g_heap.options.abort_on_warning)
        base::panic(what);
    base::FixedString<200> line("<granary>: ");
    line.append(what).append('\n');
    os::write_stderr(line.view());
}

}  // namespace granary::core
