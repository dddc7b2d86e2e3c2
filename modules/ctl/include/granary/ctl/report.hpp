// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report.hpp — the statistics as text for people, or as JSON for programs.
//
// Role        malloc_stats_print(), malloc_stats() and stats_print at exit.
// Cost        allocates nothing; about 5 KiB of stack; the reader's callback runs without any lock.
#pragma once

#include <string_view>

namespace granary::ctl {

/// Takes a piece of the report, zero-terminated.
using ReportWriter = void (*)(void* opaque, const char* text);

/// Refreshes the statistics and prints them.
///
/// @param writer    nullptr writes to standard error.
/// @param options   letters, each leaving a part out: `g` what never changes, `m` all arenas
///                  together, `a` each arena, `b` size classes; `J` gives one JSON object instead
///                  of text. Other letters are jemalloc's or nobody's and change nothing. nullptr
///                  is "".
void print_stats(ReportWriter writer, void* opaque, const char* options) noexcept;

}  // namespace granary::ctl
