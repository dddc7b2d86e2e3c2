// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge_pages.hpp — what the system does about transparent huge pages by itself.
#pragma once

#include <string_view>

namespace granary::os {

/// The system's mode in jemalloc's words: `default` (only where a program asks), `always`, `never`,
/// `not supported`. Reads a file each time.
[[nodiscard]] std::string_view thp_mode() noexcept;

/// The same from the text of /sys/kernel/mm/transparent_hugepage/enabled, "always [madvise] never".
[[nodiscard]] std::string_view parse_thp_mode(std::string_view text) noexcept;

}  // namespace granary::os
