// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// entropy.hpp — a seed that an outsider cannot guess.
#pragma once

#include <cstdint>

namespace granary::os {

/// 64 bits from the kernel; before its pool is ready, or without it, from the random bytes of the
/// process start and the clock. Never blocks.
[[nodiscard]] uint64_t random_seed() noexcept;

}  // namespace granary::os
