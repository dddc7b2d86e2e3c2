// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// spelling.hpp — how far two names are apart, to guess what was meant.
//
// Cost        O(|a| * |b|), on the stack; only after a mistake.
// Source      Levenshtein 1966, with one row kept.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace granary::ctl {

/// Names are compared up to this length; no option name is longer.
inline constexpr size_t kMaxSpelling = 64;

/// Insertions, deletions and replacements that turn `a` into `b`; `enough` if there are so many.
[[nodiscard]] constexpr size_t spelling_distance(std::string_view a, std::string_view b,
                                                 size_t enough = 2 * kMaxSpelling) noexcept {
    a = a.substr(0, kMaxSpelling);
    b = b.substr(0, kMaxSpelling);
    std::array<size_t, kMaxSpelling + 1> row{};
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        size_t least = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t above = row[j];
            size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            least = best < least ? best : least;
            diagonal = above;
        }
        if (least >= enough)  // what follows never lowers it
            return enough;
    }
    return row[b.size()];
}

}  // namespace granary::ctl
