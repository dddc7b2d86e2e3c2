// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// snapshot.hpp — statistics as values, taken at one moment.
//
// Role        Net counters are exact when no other thread is inside the allocator, and never
//             cost the fast path anything: live = taken from runs - held in caches.
// Invariants  V1  what is counted per arena adds up to the whole heap's; chunks that no arena has,
//                 metadata and process-wide locks are the whole heap's alone.
//             V2  allocated <= active <= resident <= mapped, in every snapshot.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "granary/core/large_class.hpp"
#include "granary/core/lock_snapshot.hpp"
#include "granary/core/size_class.hpp"

namespace granary::core {

/// One small size class, summed over the arenas asked for.
struct BinSnapshot {
    size_t live_regions = 0;    ///< in the program's hands
    size_t cached_regions = 0;  ///< in magazines: threads', parked, in transit
    size_t runs = 0;            ///< current runs
    size_t nonfull_runs = 0;    ///< runs with at least one free region
    uint64_t runs_made = 0;     ///< ever
    uint64_t regions_made = 0;  ///< regions ever taken out of runs
    uint64_t regions_returned = 0;  ///< regions ever given back to runs
    uint64_t fills = 0;             ///< magazines filled from runs
    uint64_t flushes = 0;           ///< magazines distributed to runs
    LockSnapshot lock;
};

/// One class of large_class.hpp. What a thread keeps and takes again is not counted, as with small
/// regions in magazines.
struct LargeClassSnapshot {
    uint64_t made = 0;
    uint64_t freed = 0;
    uint64_t kept = 0;  ///< freed by the program, and in a thread's hands

    [[nodiscard]] constexpr size_t live() const noexcept {
        return made > freed + kept ? made - freed - kept : 0;
    }
};

/// The whole heap or one arena. All sizes in bytes unless said otherwise.
struct HeapSnapshot {
    // The process's, and 0 for one arena.
    size_t zero_reallocs = 0;           ///< calls of realloc(p, 0)
    size_t background_threads = 0;      ///< purging threads
    uint64_t background_runs = 0;       ///< their passes
    uint64_t background_interval = 0;   ///< ns between the last two
    size_t allocated = 0;  ///< usable bytes of live regions
    size_t small_allocated = 0;
    size_t large_allocated = 0;
    size_t huge_allocated = 0;
    size_t active = 0;          ///< pages that hold live or cached regions
    size_t dirty = 0;           ///< unused, still resident
    size_t muzzy = 0;           ///< unused, given back lazily
    size_t retained = 0;        ///< address space kept, no memory behind it
    size_t metadata = 0;        ///< bytes taken for descriptors
    size_t metadata_extents = 0;  ///< of these, for extents
    size_t mapped = 0;          ///< active + dirty + muzzy + metadata
    size_t resident = 0;        ///< upper bound of RSS: active + dirty + muzzy + metadata
    uint64_t dirty_purges = 0;  ///< purge passes
    uint64_t dirty_madvises = 0;
    uint64_t dirty_purged = 0;  ///< pages
    uint64_t muzzy_purges = 0;
    uint64_t muzzy_madvises = 0;
    uint64_t muzzy_purged = 0;
    uint64_t uptime_ns = 0;  ///< of the arena; of the oldest one
    int64_t dirty_decay_ms = 0;
    int64_t muzzy_decay_ms = 0;
    unsigned arenas = 0;
    unsigned threads = 0;       ///< attached to the arena(s)
    size_t large_live = 0;      ///< large regions
    size_t huge_live = 0;       ///< huge blocks
    size_t cached = 0;          ///< bytes in magazines
    size_t thread_cached = 0;   ///< of these, in threads' hands: magazines and outboxes
    size_t small_resident = 0;  ///< bytes of runs
    size_t spare_extents = 0;   ///< unused extent descriptors
    std::array<BinSnapshot, kSmallClassCount> bins{};
    std::array<LargeClassSnapshot, kLargeClassCount> large_classes{};
    LockSnapshot page_lock;      ///< the arena's pages
    LockSnapshot inbox_lock;     ///< the arena's inbox
};

/// Locks that the process has once.
struct ProcessLocks {
    LockSnapshot background;
    LockSnapshot arena_set;
    LockSnapshot chunk_source;
    LockSnapshot magazine_pool;
    LockSnapshot page_map;
    LockSnapshot metadata;
};

/// Unused pages of one arena by the length of their rows.
struct PageRowsSnapshot {
    struct Counts {
        size_t dirty = 0;  ///< rows
        size_t muzzy = 0;
        size_t retained = 0;
        size_t dirty_bytes = 0;
        size_t muzzy_bytes = 0;
        size_t retained_bytes = 0;
    };
    std::array<Counts, kPageClassCount> classes{};
};

/// The whole process.
void take_snapshot(HeapSnapshot& out) noexcept;

/// The whole process and every arena i with `arenas[i]` not null, all at once (V1).
void take_snapshots(HeapSnapshot& all, std::span<HeapSnapshot* const> arenas) noexcept;

/// One arena; metadata and free chunks are process-wide and stay 0. False if there is none.
bool take_arena_snapshot(unsigned index, HeapSnapshot& out) noexcept;

/// @param index   an arena's, or arena_count() for all of them and the free chunks.
/// False if there is no such arena. O(chunks of the arena).
bool take_page_rows(unsigned index, PageRowsSnapshot& out) noexcept;

void take_process_locks(ProcessLocks& out) noexcept;
/// Sets the counters of all locks to zero.
void reset_lock_counters() noexcept;

/// Active bytes of the whole process, summed up without any lock; for callers in a hurry.
[[nodiscard]] size_t approximate_active() noexcept;

}  // namespace granary::core
