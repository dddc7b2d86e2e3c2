// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_stats_arena.hpp — statistics of one arena, of all, or of the destroyed ones.
#pragma once

#include "nodes_arena.hpp"
#include "nodes_stats.hpp"

namespace granary::ctl {
namespace nodes {

/// A value that `Read` takes from the snapshot of the arena in the path.
template <auto Read>
int arena_stat(const Path& path, Value& out) noexcept {
    decltype(Read(HeapSnapshot{})) value{};
    if (const int error = stats_cache().read(path.arena, value, Read); error != 0)
        return error;
    out.put(value);
    return 0;
}

/// A constant that still wants an arena that is there.
template <typename T, T Constant>
int arena_constant(const Path& path, Value& out) noexcept {
    T value{};
    const auto read = [](const HeapSnapshot&) { return Constant; };
    if (const int error = stats_cache().read(path.arena, value, read); error != 0)
        return error;
    out.put(value);
    return 0;
}

template <auto Member>
int bin_stat(const Path& path, Value& out) noexcept {
    decltype(core::BinSnapshot{}.*Member + 0) value{};
    const auto read = [&](const HeapSnapshot& s) { return s.bins[path.bin].*Member; };
    if (const int error = stats_cache().read(path.arena, value, read); error != 0)
        return error;
    out.put(value);
    return 0;
}

template <auto Read>
int large_stat(const Path& path, Value& out) noexcept {
    decltype(Read(core::LargeClassSnapshot{})) value{};
    const auto read = [&](const HeapSnapshot& s) { return Read(s.large_classes[path.item]); };
    if (const int error = stats_cache().read(path.arena, value, read); error != 0)
        return error;
    out.put(value);
    return 0;
}

inline uint64_t large_made(const core::LargeClassSnapshot& s) noexcept { return s.made; }
inline uint64_t large_freed(const core::LargeClassSnapshot& s) noexcept { return s.freed; }
inline size_t large_live(const core::LargeClassSnapshot& s) noexcept { return s.live(); }

/// What jemalloc counts as large: everything that is not small.
inline size_t beyond_small(const HeapSnapshot& s) noexcept {
    return s.large_allocated + s.huge_allocated;
}
inline size_t bytes_parked(const HeapSnapshot& s) noexcept { return s.cached - s.thread_cached; }

template <auto Member>
uint64_t bins_sum(const HeapSnapshot& s) noexcept {
    uint64_t sum = 0;
    for (const core::BinSnapshot& bin : s.bins) sum += bin.*Member;
    return sum;
}

template <auto Member>
uint64_t large_sum(const HeapSnapshot& s) noexcept {
    uint64_t sum = 0;
    for (const core::LargeClassSnapshot& large : s.large_classes) sum += large.*Member;
    return sum;
}

/// The counts of a page class, in the order of the path's list of words.
inline size_t row_counter(const core::PageRowsSnapshot::Counts& counts, size_t word) noexcept {
    switch (word) {
        case 0:
            return counts.dirty;
        case 1:
            return counts.muzzy;
        case 2:
            return counts.retained;
        case 3:
            return counts.dirty_bytes;
        case 4:
            return counts.muzzy_bytes;
        default:
            return counts.retained_bytes;
    }
}

inline int row_stat(const Path& path, Value& out) noexcept {
    size_t value = 0;
    const int error =
        stats_cache().read_rows(path.arena, value, [&](const core::PageRowsSnapshot& rows) {
            return row_counter(rows.classes[path.item], path.words[0]);
        });
    if (error == 0)
        out.put(value);
    return error;
}

inline LockSnapshot lock_of(const HeapSnapshot& s, const Path& path, bool of_bin) noexcept {
    return of_bin ? s.bins[path.bin].lock : arena_lock(s, path.words[0]);
}

template <bool OfBin>
int arena_lock_counter(const Path& path, Value& out) noexcept {
    LockSnapshot lock;
    const auto read = [&](const HeapSnapshot& s) { return lock_of(s, path, OfBin); };
    if (const int error = stats_cache().read(path.arena, lock, read); error != 0)
        return error;
    out.put(lock_counter(lock, path.words[OfBin ? 0 : 1]));
    return 0;
}

template <bool OfBin>
int arena_lock_waiters(const Path& path, Value& out) noexcept {
    LockSnapshot lock;
    const auto read = [&](const HeapSnapshot& s) { return lock_of(s, path, OfBin); };
    if (const int error = stats_cache().read(path.arena, lock, read); error != 0)
        return error;
    out.put(uint32_t{lock.most_waiting});
    return 0;
}

}  // namespace nodes


namespace stats_rows {

using core::BinSnapshot;
using core::LargeClassSnapshot;
using nodes::arena_constant;
using nodes::arena_stat;
using nodes::bin_stat;
using nodes::bins_sum;
using nodes::large_stat;
using nodes::large_sum;
using nodes::pages_of;

inline constexpr Node kArenaRows[] = {
    {"stats.arenas.<arena>.nthreads", Type::uint, kRead, "threads attached",
     arena_stat<value_of<&HeapSnapshot::threads>>},
    {"stats.arenas.<arena>.uptime", kU64, kRead, "ns since it was made",
     arena_stat<value_of<&HeapSnapshot::uptime_ns>>},
    {"stats.arenas.<arena>.dss", Type::text, kRead, "constant `disabled`", nodes::get_dss},
    {"stats.arenas.<arena>.dirty_decay_ms", Type::ssize, kRead, "decay time of dirty pages",
     arena_stat<value_of<&HeapSnapshot::dirty_decay_ms>>},
    {"stats.arenas.<arena>.muzzy_decay_ms", Type::ssize, kRead, "decay time of muzzy pages",
     arena_stat<value_of<&HeapSnapshot::muzzy_decay_ms>>},
    {"stats.arenas.<arena>.pactive", kSize, kRead, "active pages",
     arena_stat<pages_of<&HeapSnapshot::active>>},
    {"stats.arenas.<arena>.pdirty", kSize, kRead, "dirty pages",
     arena_stat<pages_of<&HeapSnapshot::dirty>>},
    {"stats.arenas.<arena>.pmuzzy", kSize, kRead, "muzzy pages",
     arena_stat<pages_of<&HeapSnapshot::muzzy>>},
    {"stats.arenas.<arena>.mapped", kSize, kRead, "as stats.mapped",
     arena_stat<value_of<&HeapSnapshot::mapped>>},
    {"stats.arenas.<arena>.retained", kSize, kRead, "as stats.retained",
     arena_stat<value_of<&HeapSnapshot::retained>>},
    {"stats.arenas.<arena>.pinned", kSize, kRead, "constant 0, as stats.pinned", arena_constant<size_t, 0>},
    {"stats.arenas.<arena>.extent_avail", kSize, kRead, "unused extent descriptors",
     arena_stat<value_of<&HeapSnapshot::spare_extents>>},
    {"stats.arenas.<arena>.dirty_npurge", kU64, kRead, "purge passes over dirty pages",
     arena_stat<value_of<&HeapSnapshot::dirty_purges>>},
    {"stats.arenas.<arena>.dirty_nmadvise", kU64, kRead, "system calls of those passes",
     arena_stat<value_of<&HeapSnapshot::dirty_madvises>>},
    {"stats.arenas.<arena>.dirty_purged", kU64, kRead, "dirty pages purged",
     arena_stat<value_of<&HeapSnapshot::dirty_purged>>},
    {"stats.arenas.<arena>.muzzy_npurge", kU64, kRead, "purge passes over muzzy pages",
     arena_stat<value_of<&HeapSnapshot::muzzy_purges>>},
    {"stats.arenas.<arena>.muzzy_nmadvise", kU64, kRead, "system calls of those passes",
     arena_stat<value_of<&HeapSnapshot::muzzy_madvises>>},
    {"stats.arenas.<arena>.muzzy_purged", kU64, kRead, "muzzy pages purged",
     arena_stat<value_of<&HeapSnapshot::muzzy_purged>>},
    {"stats.arenas.<arena>.base", kSize, kRead, "metadata; 0 for one arena, descriptors are the process's",
     arena_stat<value_of<&HeapSnapshot::metadata>>},
    {"stats.arenas.<arena>.internal", kSize, kRead, "constant 0: granary allocates nothing for itself",
     arena_constant<size_t, 0>},
    {"stats.arenas.<arena>.metadata_edata", kSize, kRead, "bytes of extent descriptors",
     arena_stat<value_of<&HeapSnapshot::metadata_extents>>},
    {"stats.arenas.<arena>.{metadata_rtree|metadata_thp|tcache_stashed_bytes|abandoned_vm}", kSize, kRead,
     "constant 0", arena_constant<size_t, 0>},
    {"stats.arenas.<arena>.tcache_bytes", kSize, kRead, "bytes in threads' magazines and outboxes",
     arena_stat<value_of<&HeapSnapshot::thread_cached>>},
    {"stats.arenas.<arena>.parked_bytes", kSize, kRead, "bytes in magazines that are parked in bins",
     arena_stat<nodes::bytes_parked>},
    {"stats.arenas.<arena>.resident", kSize, kRead, "as stats.resident",
     arena_stat<value_of<&HeapSnapshot::resident>>},
    {"stats.arenas.<arena>.{hpa_sec_bytes|hpa_sec_hits|hpa_sec_misses|hpa_sec_dalloc_noflush|hpa_sec_dalloc_flush|"
     "hpa_sec_overfills}",
     kSize, kRead, "constant 0: no huge-page allocator", arena_constant<size_t, 0>},

    {"stats.arenas.<arena>.small.allocated", kSize, kRead, "usable bytes of live small regions",
     arena_stat<value_of<&HeapSnapshot::small_allocated>>},
    {"stats.arenas.<arena>.small.resident", kSize, kRead, "bytes of runs",
     arena_stat<value_of<&HeapSnapshot::small_resident>>},
    {"stats.arenas.<arena>.small.nmalloc", kU64, kRead, "regions taken out of runs",
     arena_stat<bins_sum<&BinSnapshot::regions_made>>},
    {"stats.arenas.<arena>.small.ndalloc", kU64, kRead, "regions given back to runs",
     arena_stat<bins_sum<&BinSnapshot::regions_returned>>},
    {"stats.arenas.<arena>.small.nrequests", kU64, kRead,
     "as nmalloc: requests that a magazine serves are not counted",
     arena_stat<bins_sum<&BinSnapshot::regions_made>>},
    {"stats.arenas.<arena>.small.nfills", kU64, kRead, "magazines filled from runs",
     arena_stat<bins_sum<&BinSnapshot::fills>>},
    {"stats.arenas.<arena>.small.nflushes", kU64, kRead, "magazines returned to runs",
     arena_stat<bins_sum<&BinSnapshot::flushes>>},
    {"stats.arenas.<arena>.large.allocated", kSize, kRead, "usable bytes of live large and huge ones",
     arena_stat<nodes::beyond_small>},
    {"stats.arenas.<arena>.large.{nmalloc|nrequests|nfills}", kU64, kRead, "large and huge ones made",
     arena_stat<large_sum<&LargeClassSnapshot::made>>},
    {"stats.arenas.<arena>.large.{ndalloc|nflushes}", kU64, kRead, "large and huge ones freed",
     arena_stat<large_sum<&LargeClassSnapshot::freed>>},

    {"stats.arenas.<arena>.bins.<bin>.nmalloc", kU64, kRead, "regions taken out of runs",
     bin_stat<&BinSnapshot::regions_made>},
    {"stats.arenas.<arena>.bins.<bin>.ndalloc", kU64, kRead,
     "regions given back to runs; nmalloc - ndalloc = curregs + cached",
     bin_stat<&BinSnapshot::regions_returned>},
    {"stats.arenas.<arena>.bins.<bin>.nrequests", kU64, kRead,
     "as nmalloc: requests that a magazine serves are not counted",
     bin_stat<&BinSnapshot::regions_made>},
    {"stats.arenas.<arena>.bins.<bin>.curregs", kSize, kRead, "live regions, without cached ones",
     bin_stat<&BinSnapshot::live_regions>},
    {"stats.arenas.<arena>.bins.<bin>.cached", kSize, kRead, "regions in magazines",
     bin_stat<&BinSnapshot::cached_regions>},
    {"stats.arenas.<arena>.bins.<bin>.nfills", kU64, kRead, "magazines filled from runs",
     bin_stat<&BinSnapshot::fills>},
    {"stats.arenas.<arena>.bins.<bin>.nflushes", kU64, kRead, "magazines returned to runs",
     bin_stat<&BinSnapshot::flushes>},
    {"stats.arenas.<arena>.bins.<bin>.nslabs", kU64, kRead, "runs ever made",
     bin_stat<&BinSnapshot::runs_made>},
    {"stats.arenas.<arena>.bins.<bin>.nreslabs", kU64, kRead,
     "constant 0: a bin has no single current run to go back to", arena_constant<uint64_t, 0>},
    {"stats.arenas.<arena>.bins.<bin>.curslabs", kSize, kRead, "runs", bin_stat<&BinSnapshot::runs>},
    {"stats.arenas.<arena>.bins.<bin>.nonfull_slabs", kSize, kRead, "runs with free regions",
     bin_stat<&BinSnapshot::nonfull_runs>},
    {"stats.arenas.<arena>.bins.<bin>.mutex.max_num_thds", Type::u32, kRead, "most threads asleep at once",
     nodes::arena_lock_waiters<true>},
    {"stats.arenas.<arena>.bins.<bin>.mutex.<counter>", kU64, kRead,
     "the bin's lock, see stats.mutexes", nodes::arena_lock_counter<true>},

    {"stats.arenas.<arena>.lextents.<lextent>.{nmalloc|nrequests}", kU64, kRead, "regions ever made",
     large_stat<nodes::large_made>},
    {"stats.arenas.<arena>.lextents.<lextent>.ndalloc", kU64, kRead, "regions ever freed",
     large_stat<nodes::large_freed>},
    {"stats.arenas.<arena>.lextents.<lextent>.curlextents", kSize, kRead, "live regions",
     large_stat<nodes::large_live>},
    {"stats.arenas.<arena>.extents.<extent>.{ndirty|nmuzzy|nretained|dirty_bytes|muzzy_bytes|retained_bytes}",
     kSize, kRead, "rows of unused pages by length", nodes::row_stat},
    {"stats.arenas.<arena>.extents.<extent>.{npinned|pinned_bytes}", kSize, kRead, "constant 0",
     arena_constant<size_t, 0>},

    {"stats.arenas.<arena>.mutexes.<arena_lock>.max_num_thds", Type::u32, kRead,
     "most threads asleep at once", nodes::arena_lock_waiters<false>},
    {"stats.arenas.<arena>.mutexes.<arena_lock>.<counter>", kU64, kRead,
     "extents_dirty is the lock of all the arena's pages, tcache_list of its inbox; the others are "
     "constant 0",
     nodes::arena_lock_counter<false>},
    {"stats.arenas.<arena>.hpa_shard.{npageslabs|nactive|ndirty}", kSize, kRead,
     "constant 0: no huge-page allocator", arena_constant<size_t, 0>},
    {"stats.arenas.<arena>.hpa_shard.{npurge_passes|npurges|nhugifies|nhugify_failures|ndehugifies}",
     kU64, kRead, "constant 0", arena_constant<uint64_t, 0>},
    {"stats.arenas.<arena>.hpa_shard.{slabs|full_slabs|empty_slabs}.<shard_count>", kSize, kRead,
     "constant 0", arena_constant<size_t, 0>},
    {"stats.arenas.<arena>.hpa_shard.nonfull_slabs.<slab>.<shard_count>", kSize, kRead,
     "constant 0", arena_constant<size_t, 0>},
    {"stats.arenas.<arena>.hpa_shard.alloc.<psclass>.{min_extents|max_extents|extents|ps|pages_per_ps|extents_per_ps|"
     "total_elapsed_ns_per_ps}",
     kU64, kRead, "constant 0", arena_constant<uint64_t, 0>},
};

}  // namespace stats_rows

inline constexpr auto& kArenaStatsNodes = stats_rows::kArenaRows;

}  // namespace granary::ctl
