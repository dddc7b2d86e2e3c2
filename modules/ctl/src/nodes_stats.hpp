// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_stats.hpp — statistics as of the last epoch.
#pragma once

#include <cerrno>

#include <granary/core/size_class.hpp>
#include <granary/core/snapshot.hpp>

#include "node.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace nodes {

/// What jemalloc counts as large: everything that is not small.
inline size_t beyond_small(const core::HeapSnapshot& snapshot) noexcept {
    return snapshot.large_allocated + snapshot.huge_allocated;
}

template <auto Member>
auto value_of(const core::HeapSnapshot& snapshot) noexcept {
    return snapshot.*Member;
}

template <auto Member>
size_t pages_of(const core::HeapSnapshot& snapshot) noexcept {
    return snapshot.*Member / core::kPageSize;
}

/// A value that `Read` takes from the whole heap's snapshot.
template <auto Read>
int heap_stat(const Path& /*path*/, Value& out) noexcept {
    decltype(Read(core::HeapSnapshot{})) value{};
    stats_cache().read(kAllArenas, value, Read);
    out.put(value);
    return 0;
}

/// The same from the snapshot of the arena in the path.
template <auto Read>
int arena_stat(const Path& path, Value& out) noexcept {
    decltype(Read(core::HeapSnapshot{})) value{};
    if (!stats_cache().read(path.arena, value, Read))
        return ENOENT;
    out.put(value);
    return 0;
}

template <auto Member>
int bin_stat(const Path& path, Value& out) noexcept {
    decltype(core::BinSnapshot{}.*Member + 0) value{};
    const bool found = stats_cache().read(
        path.arena, value, [&](const core::HeapSnapshot& s) { return s.bins[path.bin].*Member; });
    if (!found)
        return ENOENT;
    out.put(value);
    return 0;
}

}  // namespace nodes

namespace stats_rows {

using core::BinSnapshot;
using core::HeapSnapshot;
using nodes::arena_stat;
using nodes::bin_stat;
using nodes::heap_stat;
using nodes::pages_of;
using nodes::value_of;

inline constexpr auto kRead = Access::read;
inline constexpr auto kSize = Type::size;
inline constexpr auto kU64 = Type::u64;

inline constexpr Node kRows[] = {
    {"stats.allocated", kSize, kRead, "usable bytes of live regions",
     heap_stat<value_of<&HeapSnapshot::allocated>>},
    {"stats.active", kSize, kRead, "bytes of pages with live or cached regions",
     heap_stat<value_of<&HeapSnapshot::active>>},
    {"stats.metadata", kSize, kRead, "bytes taken for granary's own descriptors",
     heap_stat<value_of<&HeapSnapshot::metadata>>},
    {"stats.resident", kSize, kRead, "upper bound of bytes in physical memory",
     heap_stat<value_of<&HeapSnapshot::resident>>},
    {"stats.mapped", kSize, kRead, "bytes of active, dirty, muzzy and metadata pages",
     heap_stat<value_of<&HeapSnapshot::mapped>>},
    {"stats.retained", kSize, kRead, "bytes of address space kept without memory",
     heap_stat<value_of<&HeapSnapshot::retained>>},
    {"stats.small_allocated", kSize, kRead, "usable bytes of live small regions",
     heap_stat<value_of<&HeapSnapshot::small_allocated>>},
    {"stats.large_allocated", kSize, kRead, "usable bytes of live large regions",
     heap_stat<value_of<&HeapSnapshot::large_allocated>>},
    {"stats.huge_allocated", kSize, kRead, "usable bytes of live huge blocks",
     heap_stat<value_of<&HeapSnapshot::huge_allocated>>},
    {"stats.cached", kSize, kRead, "bytes of freed regions that wait in magazines",
     heap_stat<value_of<&HeapSnapshot::cached>>},
    {"stats.dirty", kSize, kRead, "bytes of unused pages still in memory",
     heap_stat<value_of<&HeapSnapshot::dirty>>},
    {"stats.muzzy", kSize, kRead, "bytes of unused pages given back lazily",
     heap_stat<value_of<&HeapSnapshot::muzzy>>},

    {"stats.arenas.<arena>.nthreads", Type::uint, kRead, "threads attached",
     arena_stat<value_of<&HeapSnapshot::threads>>},
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
    {"stats.arenas.<arena>.resident", kSize, kRead, "as stats.resident",
     arena_stat<value_of<&HeapSnapshot::resident>>},
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
    {"stats.arenas.<arena>.small.allocated", kSize, kRead, "usable bytes of live small regions",
     arena_stat<value_of<&HeapSnapshot::small_allocated>>},
    {"stats.arenas.<arena>.large.allocated", kSize, kRead, "of live large and huge ones",
     arena_stat<nodes::beyond_small>},
    {"stats.arenas.<arena>.bins.<bin>.curregs", kSize, kRead, "live regions",
     bin_stat<&BinSnapshot::live_regions>},
    {"stats.arenas.<arena>.bins.<bin>.curslabs", kSize, kRead, "runs",
     bin_stat<&BinSnapshot::runs>},
    {"stats.arenas.<arena>.bins.<bin>.nonfull_slabs", kSize, kRead, "runs with free regions",
     bin_stat<&BinSnapshot::nonfull_runs>},
    {"stats.arenas.<arena>.bins.<bin>.nfills", kU64, kRead, "magazines filled from runs",
     bin_stat<&BinSnapshot::fills>},
    {"stats.arenas.<arena>.bins.<bin>.nflushes", kU64, kRead, "magazines returned to runs",
     bin_stat<&BinSnapshot::flushes>},
    {"stats.arenas.<arena>.bins.<bin>.nslabs", kU64, kRead, "runs ever made",
     bin_stat<&BinSnapshot::runs_made>},
};

}  // namespace stats_rows

inline constexpr auto& kStatsNodes = stats_rows::kRows;

}  // namespace granary::ctl
