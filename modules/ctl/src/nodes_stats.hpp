// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_stats.hpp — statistics of the process as of the last epoch, and how they are read.
#pragma once

#include <cerrno>

#include <granary/core/size_class.hpp>
#include <granary/core/snapshot.hpp>

#include "lock_names.hpp"
#include "node.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace nodes {

using core::HeapSnapshot;

template <auto Member>
auto value_of(const HeapSnapshot& snapshot) noexcept {
    return snapshot.*Member;
}

template <auto Member>
size_t pages_of(const HeapSnapshot& snapshot) noexcept {
    return snapshot.*Member / core::kPageSize;
}

/// A value that `Read` takes from the whole heap's snapshot.
template <auto Read>
int heap_stat(const Path& /*path*/, Value& out) noexcept {
    decltype(Read(HeapSnapshot{})) value{};
    if (const int error = stats_cache().read(kAllArenas, value, Read); error != 0)
        return error;
    out.put(value);
    return 0;
}

template <typename T, T Constant>
int constant_stat(const Path& /*path*/, Value& out) noexcept {
    out.put(Constant);
    return 0;
}

inline int process_lock_counter(const Path& path, Value& out) noexcept {
    LockSnapshot lock;
    stats_cache().read_locks(lock, [&](const core::ProcessLocks& locks, const LockSnapshot& ctl) {
        return process_lock(locks, ctl, path.words[0]);
    });
    out.put(lock_counter(lock, path.words[1]));
    return 0;
}

inline int process_lock_waiters(const Path& path, Value& out) noexcept {
    LockSnapshot lock;
    stats_cache().read_locks(lock, [&](const core::ProcessLocks& locks, const LockSnapshot& ctl) {
        return process_lock(locks, ctl, path.words[0]);
    });
    out.put(uint32_t{lock.most_waiting});
    return 0;
}

inline int reset_locks(const Path& /*path*/, const Value& /*in*/) noexcept {
    stats_cache().reset_locks();
    return 0;
}

}  // namespace nodes


namespace stats_rows {

using core::HeapSnapshot;
using nodes::heap_stat;
using nodes::value_of;

inline constexpr auto kRead = Access::read;
inline constexpr auto kSize = Type::size;
inline constexpr auto kU64 = Type::u64;

inline constexpr Node kProcessRows[] = {
    {"stats.allocated", kSize, kRead, "usable bytes of live regions",
     heap_stat<value_of<&HeapSnapshot::allocated>>},
    {"stats.active", kSize, kRead, "bytes of pages with live or cached regions",
     heap_stat<value_of<&HeapSnapshot::active>>},
    {"stats.metadata", kSize, kRead, "bytes taken for granary's own descriptors",
     heap_stat<value_of<&HeapSnapshot::metadata>>},
    {"stats.metadata_edata", kSize, kRead, "of these, for extents",
     heap_stat<value_of<&HeapSnapshot::metadata_extents>>},
    {"stats.metadata_rtree", kSize, kRead,
     "constant 0: the page map is sparse mappings that are not counted",
     nodes::constant_stat<size_t, 0>},
    {"stats.metadata_thp", kSize, kRead, "constant 0: no huge pages are asked for descriptors",
     nodes::constant_stat<size_t, 0>},
    {"stats.resident", kSize, kRead, "upper bound of bytes in physical memory",
     heap_stat<value_of<&HeapSnapshot::resident>>},
    {"stats.mapped", kSize, kRead, "bytes of active, dirty, muzzy and metadata pages",
     heap_stat<value_of<&HeapSnapshot::mapped>>},
    {"stats.retained", kSize, kRead, "bytes of address space kept without memory",
     heap_stat<value_of<&HeapSnapshot::retained>>},
    {"stats.pinned", kSize, kRead, "constant 0: unused memory that hooks gave as pinned is in stats.retained",
     nodes::constant_stat<size_t, 0>},
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
    {"stats.zero_reallocs", kSize, kRead, "calls of realloc(p, 0)",
     heap_stat<value_of<&HeapSnapshot::zero_reallocs>>},
    {"stats.background_thread.num_threads", kSize, kRead, "purging threads",
     heap_stat<value_of<&HeapSnapshot::background_threads>>},
    {"stats.background_thread.num_runs", kU64, kRead, "their passes",
     heap_stat<value_of<&HeapSnapshot::background_runs>>},
    {"stats.background_thread.run_interval", kU64, kRead, "ns between the last two passes of one",
     heap_stat<value_of<&HeapSnapshot::background_interval>>},
    {"stats.mutexes.reset", Type::none, Access::action, "sets the counters of all locks to 0",
     nullptr, nodes::reset_locks},
    {"stats.mutexes.<lock>.max_num_thds", Type::u32, kRead,
     "most threads asleep at once", nodes::process_lock_waiters},
    {"stats.mutexes.<lock>.<counter>", kU64, kRead,
     "locks of the process: acquired, after sleep, after spinning, either of these, ns asleep, "
     "longest; the last five names are granary's, and of jemalloc's only background_thread and "
     "ctl are not constant 0",
     nodes::process_lock_counter},
};

}  // namespace stats_rows

inline constexpr auto& kStatsNodes = stats_rows::kProcessRows;

}  // namespace granary::ctl
