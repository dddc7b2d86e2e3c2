// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_events.hpp — calls the program back after every so many bytes of a thread.
//
// Role        The registered events, and how far each thread is from its next ones. Whoever watches
//             wants every byte, so threads work in the counting mode from then on: the thread that
//             registers and new ones at once, others at their next look at the clock.
// Invariants  N1  events are only ever added: what a thread sees of the list stays.
//             N2  a callback runs without any lock, on the thread whose bytes it was told of; what
//                 that thread does meanwhile is counted and triggers nothing.
// Cost        nothing before the first registration; then a counter's comparison per event and call.
#pragma once

#include <cstddef>

#include "heap/heap_state.hpp"

namespace granary::core {

/// True from the first registration on.
[[nodiscard]] bool has_thread_events() noexcept;

/// The thread has just begun, on a state that may have served another: it waits a whole interval.
void restart_thread_events(ThreadState& state) noexcept;

/// In counting or direct mode, after the counters were: runs the callbacks whose interval is over.
void note_thread_event(ThreadState& state, bool is_allocation, size_t bytes) noexcept;

}  // namespace granary::core
