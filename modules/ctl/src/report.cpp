// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report.cpp — reads the letters, refreshes, and lets one of the two forms speak.
#include <granary/core/lifecycle.hpp>

#include "report_output.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {

void print_stats(ReportWriter writer, void* opaque, const char* options) noexcept {
    core::bootstrap();
    ReportParts parts;
    for (const char letter : std::string_view(options == nullptr ? "" : options)) {
        if (letter == 'J')
            parts.json = true;
        if (letter == 'g')
            parts.general = false;
        if (letter == 'm')
            parts.merged = false;
        if (letter == 'a')
            parts.arenas = false;
        if (letter == 'b')
            parts.bins = false;
    }
    core::HeapSnapshot heap;
    stats_cache().refresh(heap);
    ReportOutput out(writer, opaque);
    if (parts.json) {
        report_json(out, parts, heap);
    } else {
        report_text(out, parts, heap);
    }
}

}  // namespace granary::ctl
