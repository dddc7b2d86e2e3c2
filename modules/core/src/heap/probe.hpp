// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// probe.hpp — the extra work of threads whose fast path is aimed at the empty cache.
//
// Role        Called by the slow paths for every thread that is not in the cached mode: exact gross
//             counters, junk, zeros, the report interval, the program's thread events.
// Invariants  Q1  where one of the options asks for probing, no thread is in the cached mode; once
//                 there are thread events, none after its next look at the clock.
#pragma once

#include <cstddef>

#include "heap/heap_state.hpp"

namespace granary::core {

/// True if the options ask for probing.
[[nodiscard]] bool is_probing(const HeapOptions& options) noexcept;

/// The mode of a thread that uses its cache (Q1).
[[nodiscard]] ThreadState::Mode caching_mode(const ThreadState& state) noexcept;
/// The mode that a thread begins in by the options (Q1).
[[nodiscard]] ThreadState::Mode ordinary_mode(const ThreadState& state) noexcept;

/// A region was allocated. @param zeroed it must read zero: nothing is filled.
void probe_allocated(ThreadState& state, void* region, size_t usable, bool zeroed) noexcept;
/// A region is about to be freed.
void probe_freed(ThreadState& state, void* region, size_t usable) noexcept;
/// A region was resized where it is.
void probe_resized(ThreadState& state, void* region, size_t before, size_t after) noexcept;

}  // namespace granary::core
