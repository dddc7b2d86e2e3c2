// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// probe.hpp — what programs ask for to find their mistakes: filling, counting, reports.
//
// Cost        Nothing where it is not asked for: it is work of the threads' counting mode.
#pragma once

#include <cstddef>
#include <cstdint>

#include "granary/core/options.hpp"

namespace granary::core {

/// What freshly allocated and freed memory is filled with.
inline constexpr uint8_t kJunkAllocated = 0xa5;
inline constexpr uint8_t kJunkFreed = 0x5a;

/// Counts a realloc(p, 0). @return what is to be done.
[[nodiscard]] ZeroRealloc note_zero_realloc() noexcept;
/// How many there were.
[[nodiscard]] uint64_t zero_reallocs() noexcept;

/// What is called after every HeapOptions::report_interval allocated bytes, by the thread that
/// allocated, without any lock. One of the upward edges (ARCHITECTURE.md).
void set_report_hook(void (*hook)() noexcept) noexcept;

}  // namespace granary::core
