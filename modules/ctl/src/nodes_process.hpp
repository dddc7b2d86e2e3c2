// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_process.hpp — nodes about the build, the start-up choices and the process as a whole.
#pragma once

#include <atomic>
#include <cerrno>

#include <granary/base/build_config.hpp>
#include <granary/core/background.hpp>
#include <granary/core/control.hpp>

#include "build_facts.hpp"
#include "node.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace nodes {

inline int get_version(const Path& /*path*/, Value& out) noexcept {
    out.put(base::kVersion.data());
    return 0;
}

inline int get_epoch(const Path& /*path*/, Value& out) noexcept {
    out.put(stats_cache().epoch());
    return 0;
}

inline int set_epoch(const Path& /*path*/, const Value& /*in*/) noexcept {
    stats_cache().refresh();
    return 0;
}

inline int get_background_thread(const Path& /*path*/, Value& out) noexcept {
    out.put(core::background_thread_enabled());
    return 0;
}

inline int set_background_thread(const Path& /*path*/, const Value& in) noexcept {
    const bool wanted = in.as<uint8_t>() != 0;
    if (wanted == core::background_thread_enabled())
        return 0;
    return core::set_background_thread(wanted) ? 0 : EFAULT;
}

inline int get_max_background_threads(const Path& /*path*/, Value& out) noexcept {
    out.put(size_t{core::max_background_threads()});
    return 0;
}

inline int set_max_background_threads(const Path& /*path*/, const Value& in) noexcept {
    const auto wanted = in.as<size_t>();
    if (wanted > core::kMostBackgroundThreads)
        return EINVAL;
    return core::set_max_background_threads(static_cast<uint32_t>(wanted)) ? 0 : EINVAL;
}

/// A fact that was settled when this library was built.
template <bool Fact>
int fact(const Path& /*path*/, Value& out) noexcept {
    out.put(Fact);
    return 0;
}

inline int get_build_conf(const Path& /*path*/, Value& out) noexcept {
    out.put(base::kMallocConf.data());
    return 0;
}

}  // namespace nodes

inline constexpr Node kProcessNodes[] = {
    {"version", Type::text, Access::read, "version of granary", nodes::get_version},
    {"epoch", Type::u64, Access::refresh, "writing refreshes all statistics", nodes::get_epoch,
     nodes::set_epoch},
    {"background_thread", Type::boolean, Access::read_write, "the purging thread, on or off",
     nodes::get_background_thread, nodes::set_background_thread},
    {"max_background_threads", Type::size, Access::read_write,
     "most purging threads, at most opt.max_background_threads; 0: none", nodes::get_max_background_threads,
     nodes::set_max_background_threads},

    {"config.cache_oblivious", Type::boolean, Access::read, "random offsets of large regions",
     nodes::fact<build_fact("cache_oblivious")>},
    {"config.debug", Type::boolean, Access::read, "assertions are checked",
     nodes::fact<build_fact("debug")>},
    {"config.fill", Type::boolean, Access::read, "junk and zero filling", nodes::fact<build_fact("fill")>},
    {"config.lazy_lock", Type::boolean, Access::read, "locks only once there are threads",
     nodes::fact<build_fact("lazy_lock")>},
    {"config.malloc_conf", Type::text, Access::read, "option text of the build", nodes::get_build_conf},
    {"config.opt_safety_checks", Type::boolean, Access::read,
     "true: bad and double frees are always looked for", nodes::fact<build_fact("opt_safety_checks")>},
    {"config.prof", Type::boolean, Access::read, "heap profiling", nodes::fact<build_fact("prof")>},
    {"config.prof_libgcc", Type::boolean, Access::read, "backtraces by libgcc", nodes::fact<build_fact("prof_libgcc")>},
    {"config.prof_libunwind", Type::boolean, Access::read, "backtraces by libunwind",
     nodes::fact<build_fact("prof_libunwind")>},
    {"config.prof_frameptr", Type::boolean, Access::read, "backtraces by frame pointers",
     nodes::fact<build_fact("prof_frameptr")>},
    {"config.stats", Type::boolean, Access::read, "statistics", nodes::fact<build_fact("stats")>},
    {"config.utrace", Type::boolean, Access::read, "utrace(2) records", nodes::fact<build_fact("utrace")>},
    {"config.xmalloc", Type::boolean, Access::read, "abort when out of memory", nodes::fact<build_fact("xmalloc")>},
};

}  // namespace granary::ctl
