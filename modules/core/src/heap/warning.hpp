// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// warning.hpp — what is only worth a line, unless the program wants to end by it.
#pragma once

#include <string_view>

namespace granary::core {

/// Prints one line; ends the program after it with HeapOptions::abort_on_warning.
/// Called without any lock: the program's malloc_message may get the line.
void warn(std::string_view what) noexcept;

}  // namespace granary::core
