// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_events.cpp — see the header.
#include "heap/thread_events.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "granary/core/lifecycle.hpp"
#include "granary/core/probe.hpp"
#include "heap/probe.hpp"

namespace granary::core {

/// One thread's way to its next events.
struct EventWaits {
    struct Wait {
        uint64_t allocated = 0;    ///< bytes until the next event; 0: a whole interval
        uint64_t deallocated = 0;  ///< the same
    };
    std::array<Wait, kMostThreadEvents> waits{};
    bool in_callback = false;  // N2
};

namespace {

/// Guarded by the boot lock while it grows; below g_event_count it is const (N1).
constinit std::array<ThreadEvent, kMostThreadEvents> g_events{};
constinit std::atomic<size_t> g_event_count{0};

std::span<const ThreadEvent> events() noexcept {
    // ORDER: acquire, pairs with the release in add_thread_event().
    return {g_events.data(), g_event_count.load(std::memory_order_acquire)};
}

/// The thread's record, made now if need be; nullptr: no memory for one, so no events either.
EventWaits* waits_of(ThreadState& state) noexcept {
    if (state.events == nullptr) {
        void* const memory = g_heap.metadata.allocate(sizeof(EventWaits), alignof(EventWaits));
        if (memory != nullptr)
            state.events = new (memory) EventWaits;
    }
    return state.events;
}

/// True if the interval ends within these bytes; the next one then begins.
bool pass(uint64_t& wait, uint64_t interval, size_t bytes) noexcept {
    const uint64_t left = wait == 0 ? interval : wait;
    wait = bytes < left ? left - bytes : 0;
    return wait == 0;
}

}  // namespace

bool add_thread_event(const ThreadEvent& event) noexcept {
    if (event.callback == nullptr || event.interval == 0)
        return false;
    bootstrap();
    {
        ScopedLock lock(g_heap.boot);
        const std::span<const ThreadEvent> known = events();
        if (std::find(known.begin(), known.end(), event) == known.end()) {
            if (known.size() == kMostThreadEvents)
                return false;
            g_events[known.size()] = event;
            // ORDER: release, pairs with the acquire in events().
            g_event_count.store(known.size() + 1, std::memory_order_release);
        }
    }
    // Without a state of its own a thread is not counted; it gets one at a later call.
    static_cast<void>(counting_thread());
    return true;
}

bool has_thread_events() noexcept {
    return g_event_count.load(std::memory_order_relaxed) != 0;
}

void restart_thread_events(ThreadState& state) noexcept {
    if (state.events != nullptr)
        *state.events = EventWaits{};
}

void note_thread_event(ThreadState& state, bool is_allocation, size_t bytes) noexcept {
    if (GRANARY_LIKELY(!has_thread_events()) || state.arena == nullptr || is_forking_thread())
        return;
    EventWaits* const mine = waits_of(state);
    if (mine == nullptr || mine->in_callback)
        return;
    const std::span<const ThreadEvent> known = events();
    for (size_t i = 0; i < known.size(); ++i) {
        EventWaits::Wait& wait = mine->waits[i];
        if (!is_allocation && known[i].allocations_only)
            continue;
        if (!pass(is_allocation ? wait.allocated : wait.deallocated, known[i].interval, bytes))
            continue;
        mine->in_callback = true;
        known[i].callback(is_allocation, state.allocated.load(std::memory_order_relaxed),
                          state.deallocated.load(std::memory_order_relaxed));
        mine->in_callback = false;
    }
}

}  // namespace granary::core
