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
