// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_prof.hpp — heap profiling: the names are known, and answer as in a build without it.
#pragma once

#include <cerrno>
#include <cstring>

#include "node.hpp"

namespace granary::ctl {
namespace nodes {

inline int no_profiling(const Path& /*path*/, const Call& /*call*/) noexcept { return ENOENT; }

/// Switching off what is not there succeeds.
inline int prof_active(const Path& /*path*/, const Call& call) noexcept {
    if (call.new_value == nullptr)
        return ENOENT;
    if (call.new_length != sizeof(bool))
        return EINVAL;
    unsigned char wanted = 0;
    std::memcpy(&wanted, call.new_value, sizeof wanted);
    if (wanted != 0)
        return ENOENT;
    const bool old = false;
    return copy_out(&old, sizeof old, call);
}

/// A name of the profiler's: type and access are what they would be.
consteval Node prof(std::string_view name, Type type, Access access, std::string_view doc,
                    Caller call = no_profiling) {
    return {name, type, access, doc, nullptr, nullptr, call};
}

}  // namespace nodes

/// ENOENT, as in a build of jemalloc without profiling; writing `false` to prof.active succeeds.
inline constexpr Node kProfNodes[] = {
    nodes::prof("prof.thread_active_init", Type::boolean, Access::read_write,
                "absent: no profiler; whether new threads are sampled"),
    nodes::prof("prof.active", Type::boolean, Access::read_write,
                "absent: no profiler; writing false succeeds", nodes::prof_active),
    nodes::prof("prof.gdump", Type::boolean, Access::read_write,
                "absent: no profiler; a profile at every new peak"),
    nodes::prof("prof.dump", Type::text, Access::write, "absent: no profiler; writes a profile"),
    nodes::prof("prof.prefix", Type::text, Access::write,
                "absent: no profiler; beginning of file names"),
    nodes::prof("prof.log_start", Type::text, Access::write, "absent: no profiler; begins a log"),
    nodes::prof("prof.log_stop", Type::none, Access::action, "absent: no profiler; ends a log"),
    nodes::prof("prof.reset", Type::size, Access::write, "absent: no profiler; forgets all samples"),
    nodes::prof("prof.interval", Type::u64, Access::read,
                "absent: no profiler; bytes between profiles"),
    nodes::prof("prof.lg_sample", Type::size, Access::read,
                "absent: no profiler; log2 of the bytes between samples"),
    nodes::prof("prof.stats.bins.<bin>.{live|accum}", Type::record, Access::read,
                "absent: no profiler; requested bytes and count of sampled regions"),
    nodes::prof("prof.stats.lextents.<lextent>.{live|accum}", Type::record, Access::read,
                "absent: no profiler; the same of large ones"),
};

}  // namespace granary::ctl
