// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// snapshot.hpp — statistics as values, taken at one moment.
//
// Role        Net counters are exact when no other thread is inside the allocator, and never
//             cost the fast path anything: live = taken from runs - held in caches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "granary/core/size_class.hpp"

namespace granary::core {

/// One small size class, summed over the arenas asked for.
struct BinSnapshot {
    size_t live_regions = 0;    ///< in the program's hands
    size_t cached_regions = 0;  ///< in magazines: threads', parked, in transit
    size_t runs = 0;            ///< current runs
    size_t nonfull_runs = 0;    ///< runs with at least one free region
    uint64_t runs_made = 0;     ///< ever
    uint64_t fills = 0;         ///< magazines filled from runs
    uint64_t flushes = 0;       ///< magazines distributed to runs
};

/// The whole heap or one arena. All sizes in bytes unless said otherwise.
struct HeapSnapshot {
    size_t allocated = 0;  ///< usable bytes of live regions
    size_t small_allocated = 0;
    size_t large_allocated = 0;
    size_t huge_allocated = 0;
    size_t active = 0;          ///< pages that hold live or cached regions
    size_t dirty = 0;           ///< unused, still resident
    size_t muzzy = 0;           ///< unused, given back lazily
    size_t retained = 0;        ///< address space kept, no memory behind it
    size_t metadata = 0;        ///< bytes taken for descriptors
    size_t mapped = 0;          ///< active + dirty + muzzy + metadata
    size_t resident = 0;        ///< upper bound of RSS: active + dirty + muzzy + metadata
    uint64_t dirty_purges = 0;  ///< purge passes
    uint64_t dirty_madvises = 0;
    uint64_t dirty_purged = 0;  ///< pages
    uint64_t muzzy_purges = 0;
    uint64_t muzzy_madvises = 0;
    uint64_t muzzy_purged = 0;
    unsigned arenas = 0;
    unsigned threads = 0;   ///< attached to the arena(s)
    size_t large_live = 0;  ///< large regions
    size_t huge_live = 0;   ///< huge blocks
    size_t cached = 0;      ///< bytes in magazines
    std::array<BinSnapshot, kSmallClassCount> bins{};
};

/// The whole process.
void take_snapshot(HeapSnapshot& out) noexcept;

/// One arena; metadata and huge blocks are process-wide and stay 0. False if there is none.
bool take_arena_snapshot(unsigned index, HeapSnapshot& out) noexcept;

}  // namespace granary::core
