// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// arena_label.hpp — an arena's name, and its allocations in numbers, for both forms of the report.
#pragma once

#include <granary/base/fixed_string.hpp>
#include <granary/core/control.hpp>
#include <granary/core/snapshot.hpp>

namespace granary::ctl {

using ArenaLabel = base::FixedString<32>;

[[nodiscard]] inline ArenaLabel arena_label(size_t index) noexcept {
    char name[core::kArenaNameSize];
    if (!core::arena_name(static_cast<unsigned>(index), name))
        name[0] = 0;
    return ArenaLabel(std::string_view(name));
}

/// How many of the first `count` arenas are there: destroyed ones are not.
[[nodiscard]] inline unsigned live_arenas(unsigned count) noexcept {
    unsigned live = 0;
    for (unsigned i = 0; i < count; ++i) live += core::arena_exists(i) ? 1U : 0U;
    return live;
}

/// What jemalloc says of small and of large regions. Requests are not counted where a magazine
/// serves them: what it calls nrequests is `made`.
struct AllocationCounts {
    size_t allocated = 0;
    uint64_t made = 0;
    uint64_t freed = 0;
    uint64_t fills = 0;
    uint64_t flushes = 0;
};

[[nodiscard]] inline AllocationCounts small_counts(const core::HeapSnapshot& s) noexcept {
    AllocationCounts sum;
    sum.allocated = s.small_allocated;
    for (const core::BinSnapshot& bin : s.bins) {
        sum.made += bin.regions_made;
        sum.freed += bin.regions_returned;
        sum.fills += bin.fills;
        sum.flushes += bin.flushes;
    }
    return sum;
}

/// Large regions and huge blocks; every one of them is a fill of its own.
[[nodiscard]] inline AllocationCounts large_counts(const core::HeapSnapshot& s) noexcept {
    AllocationCounts sum;
    sum.allocated = s.large_allocated + s.huge_allocated;
    for (const core::LargeClassSnapshot& large : s.large_classes) {
        sum.made += large.made;
        sum.freed += large.freed;
    }
    sum.fills = sum.made;
    sum.flushes = sum.freed;
    return sum;
}

}  // namespace granary::ctl
