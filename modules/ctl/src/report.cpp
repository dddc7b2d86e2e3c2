// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report.cpp — reads the letters, refreshes, and lets one of the two forms speak.
#include <granary/core/lifecycle.hpp>

#include "report_output.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace {

struct Letter {
    char letter;
    bool ReportParts::*part;
};

/// Each leaves a part out.
constexpr Letter kLetters[] = {
    {'g', &ReportParts::general}, {'m', &ReportParts::merged},  {'d', &ReportParts::destroyed},
    {'a', &ReportParts::arenas},  {'b', &ReportParts::bins},    {'l', &ReportParts::large},
    {'x', &ReportParts::locks},   {'e', &ReportParts::extents}, {'h', &ReportParts::huge_pages},
};

ReportParts wanted_parts(const char* options) noexcept {
    ReportParts parts;
    for (const char letter : std::string_view(options == nullptr ? "" : options)) {
        if (letter == 'J')
            parts.json = true;
        for (const Letter& known : kLetters) {
            if (letter == known.letter)
                parts.*known.part = false;
        }
    }
    return parts;
}

}  // namespace

void print_stats(ReportWriter writer, void* opaque, const char* options) noexcept {
    core::bootstrap();
    const ReportParts parts = wanted_parts(options);
    core::HeapSnapshot heap;
    static_cast<void>(stats_cache().refresh(heap));
    ReportOutput out(writer, opaque);
    if (parts.json) {
        report_json(out, parts, heap);
    } else {
        report_text(out, parts, heap);
    }
}

uint64_t read_stats(core::HeapSnapshot& out) noexcept {
    core::bootstrap();
    return stats_cache().refresh(out);
}

}  // namespace granary::ctl
