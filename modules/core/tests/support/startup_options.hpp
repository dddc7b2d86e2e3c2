// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// startup_options.hpp — what tests may know of the options that startup_options.cpp supplies.
#pragma once

#include <cstdint>

namespace granary::core::tests {

/// Most arenas of the process-wide heap.
inline constexpr uint32_t kArenaLimit = 4;

}  // namespace granary::core::tests
