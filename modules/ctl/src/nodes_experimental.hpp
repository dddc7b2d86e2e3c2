// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_experimental.hpp — what jemalloc offers without a promise, under the same names.
#pragma once

#include <cerrno>

#include <granary/core/control.hpp>
#include <granary/core/snapshot.hpp>

#include "node.hpp"
#include "nodes_explicit.hpp"
#include "nodes_prof.hpp"

namespace granary::ctl {
namespace nodes {

inline int approximate_active(const Path& /*path*/, Value& out) noexcept {
    out.put(core::approximate_active());
    return 0;
}

inline int set_misuse_hook(const Path& /*path*/, const Value& in) noexcept {
    core::set_misuse_hook(in.as<core::MisuseHook>());
    return 0;
}

inline int get_active_pages_address(const Path& path, Value& out) noexcept {
    const size_t* const counter =
        path.arena < kAllArenas ? core::arena_active_pages(static_cast<unsigned>(path.arena))
                                : nullptr;
    if (counter == nullptr)
        return EFAULT;
    out.put(counter);
    return 0;
}

/// Takes a pointer, gives {address of the run that serves next, free regions, regions, bytes; free
/// regions and regions of all runs of the size}.
int query_utilization(const Path& path, const Call& call) noexcept;
/// Takes pointers, gives {free regions, regions, bytes} of each one's run.
int query_utilizations(const Path& path, const Call& call) noexcept;
/// Takes {void (*)(bool, uint64_t, uint64_t), uint64_t interval, bool allocations_only}.
int watch_threads(const Path& path, const Call& call) noexcept;
/// Takes {void **out, size_t count, size_t size, int flags}, gives how many regions were made.
int allocate_batch(const Path& path, const Call& call) noexcept;

}  // namespace nodes

inline constexpr Node kApproximateNodes[] = {
    {"approximate_stats.active", Type::size, Access::read,
     "as stats.active, of this moment and without any lock", nodes::approximate_active},
};

inline constexpr Node kExperimentalNodes[] = {
    nodes::prof("experimental.hooks.{prof_backtrace|prof_dump|prof_sample|prof_sample_free}",
                Type::pointer, Access::read_write, "absent: no profiler; its hooks"),
    {"experimental.hooks.safety_check_abort", Type::pointer, Access::write,
     "void (*)(const char *): gets the message about a misuse before the process aborts", nullptr,
     nodes::set_misuse_hook},
    {"experimental.hooks.thread_event", Type::record, Access::write,
     "takes {void (*)(bool is_alloc, uint64_t allocated, uint64_t deallocated), uint64_t interval, "
     "bool alloc_only}: called by every thread after so many bytes; four at most, for good",
     nullptr, nullptr, nodes::watch_threads},
    {"experimental.utilization.query", Type::record, Access::read_write,
     "takes a void *; how well the run of that region and its bin are used, six words", nullptr,
     nullptr, nodes::query_utilization},
    {"experimental.utilization.batch_query", Type::record, Access::read_write,
     "takes void *s; free regions, regions and bytes of each one's run", nullptr, nullptr,
     nodes::query_utilizations},
    {"experimental.batch_alloc", Type::size, Access::read_write,
     "takes {void **, size_t count, size_t size, int flags}, gives how many regions were made",
     nullptr, nullptr, nodes::allocate_batch},
    {"experimental.arenas.<arena>.pactivep", Type::size_pointer, Access::read,
     "address of the arena's counter of pages in runs and large regions",
     nodes::get_active_pages_address},
    {"experimental.arenas_create_ext", Type::uint, Access::read_write,
     "as arenas.create, from {extent_hooks_t *, bool}; metadata never comes from hooks", nullptr,
     nullptr, nodes::create_arena_ext},
    nodes::prof("experimental.prof_recent.alloc_max", Type::ssize, Access::read_write,
                "absent: no profiler; how many samples are kept"),
    nodes::prof("experimental.prof_recent.alloc_dump", Type::record, Access::write,
                "absent: no profiler; prints them"),
};

}  // namespace granary::ctl
