// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// startup_options.hpp — the options with which the process-wide heap of these tests starts.
#pragma once

#include <cstdint>

#include "granary/core/options.hpp"

namespace granary::core::tests {

/// Most arenas of the process-wide heap: few, so that tests with more threads than that share them.
inline constexpr uint32_t kArenaLimit = 4;

/// Nothing is purged by the real clock, so that counts are repeatable. A test that needs others
/// changes them before the first call of the heap: in a process of its own (see options_test.cpp).
[[nodiscard]] HeapOptions& startup_options();

}  // namespace granary::core::tests
