// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report.hpp — the statistics as text for people, as JSON or metrics for programs, or as a value.
//
// Role        malloc_stats_print(), malloc_stats(), stats_print at exit; granary_metrics_print()
//             and granary_stats_v1_read().
// Cost        allocates nothing; about 12 KiB of stack; the reader's callback runs without any lock.
#pragma once

#include <cstdint>
#include <string_view>

#include <granary/core/snapshot.hpp>

namespace granary::ctl {

/// Takes a piece of the report, zero-terminated.
using ReportWriter = void (*)(void* opaque, const char* text);

/// Refreshes the statistics and prints them.
///
/// @param writer    nullptr writes to standard error.
/// @param options   letters, each leaving a part out: `g` what never changes, `m` all arenas
///                  together, `d` destroyed arenas, `a` each arena, `b` small classes, `l` large
///                  classes, `x` locks, `e` rows of unused pages, `h` huge pages; `J` gives one JSON
///                  object instead of text. Other letters change nothing. nullptr is "".
void print_stats(ReportWriter writer, void* opaque, const char* options) noexcept;

/// Refreshes the statistics and prints them in the OpenMetrics text format.
void print_metrics(ReportWriter writer, void* opaque) noexcept;

/// Refreshes the statistics and copies them. @return the new epoch.
uint64_t read_stats(core::HeapSnapshot& out) noexcept;

}  // namespace granary::ctl
