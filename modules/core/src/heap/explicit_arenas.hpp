// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_arenas.hpp — finding arenas that the program names.
#pragma once

#include "arena/arena.hpp"

namespace granary::core {

/// The arena of that index; nullptr if there is none, or if it was destroyed.
[[nodiscard]] Arena* live_arena(unsigned index) noexcept;

}  // namespace granary::core
