// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_thread.hpp — nodes about the calling thread.
#pragma once

#include <cerrno>

#include <granary/core/control.hpp>

#include "node.hpp"
#include "nodes_explicit.hpp"
#include "nodes_prof.hpp"

namespace granary::ctl {
namespace nodes {

template <uint64_t* (*Counter)() noexcept>
int thread_counter(const Path& /*path*/, Value& out) noexcept {
    const uint64_t* const counter = Counter();
    if (counter == nullptr)
        return EAGAIN;
    out.put(*counter);
    return 0;
}

template <uint64_t* (*Counter)() noexcept>
int thread_counter_address(const Path& /*path*/, Value& out) noexcept {
    uint64_t* const counter = Counter();
    if (counter == nullptr)
        return EAGAIN;
    out.put(counter);
    return 0;
}

inline int get_peak(const Path& /*path*/, Value& out) noexcept {
    uint64_t bytes = 0;
    if (!core::thread_peak(bytes))
        return EAGAIN;
    out.put(bytes);
    return 0;
}

inline int reset_peak(const Path& /*path*/, const Value& /*in*/) noexcept {
    return core::reset_thread_peak() ? 0 : EAGAIN;
}

inline int get_tcache_enabled(const Path& /*path*/, Value& out) noexcept {
    out.put(core::thread_cache_enabled());
    return 0;
}

inline int set_tcache_enabled(const Path& /*path*/, const Value& in) noexcept {
    return core::set_thread_cache_enabled(in.as<uint8_t>() != 0) ? 0 : EAGAIN;
}

inline int get_tcache_max(const Path& /*path*/, Value& out) noexcept {
    out.put(core::thread_cache_max());
    return 0;
}

inline int set_tcache_max(const Path& /*path*/, const Value& in) noexcept {
    return core::set_thread_cache_max(in.as<size_t>()) ? 0 : EAGAIN;
}

inline int flush_thread_cache(const Path& /*path*/, const Value& /*in*/) noexcept {
    return core::flush_thread_cache() ? 0 : EFAULT;
}

inline int idle(const Path& /*path*/, const Value& /*in*/) noexcept {
    return core::idle_thread() ? 0 : EFAULT;
}

/// Takes a size, gives the slots of its class.
int read_ncached_max(const Path& path, const Call& call) noexcept;
/// `a-b:n|…`: n slots for the classes of sizes a to b; 0 is none, anything else a magazine.
int write_ncached_max(const Path& path, const Value& in) noexcept;

}  // namespace nodes

inline constexpr Node kThreadNodes[] = {
    {"thread.arena", Type::uint, Access::read_write,
     "index of the arena that serves this thread; writing moves the thread there",
     nodes::get_thread_arena, nodes::set_thread_arena},
    {"thread.allocated", Type::u64, Access::read, "bytes this thread ever allocated",
     nodes::thread_counter<core::thread_allocated_counter>},
    {"thread.allocatedp", Type::u64_pointer, Access::read, "address of that counter",
     nodes::thread_counter_address<core::thread_allocated_counter>},
    {"thread.deallocated", Type::u64, Access::read, "bytes this thread ever deallocated",
     nodes::thread_counter<core::thread_deallocated_counter>},
    {"thread.deallocatedp", Type::u64_pointer, Access::read, "address of that counter",
     nodes::thread_counter_address<core::thread_deallocated_counter>},
    {"thread.tcache.enabled", Type::boolean, Access::read_write, "this thread has a cache",
     nodes::get_tcache_enabled, nodes::set_tcache_enabled},
    {"thread.tcache.max", Type::size, Access::read_write, "largest size that it caches, bytes",
     nodes::get_tcache_max, nodes::set_tcache_max},
    {"thread.tcache.flush", Type::none, Access::action, "empties this thread's cache", nullptr,
     nodes::flush_thread_cache},
    {"thread.tcache.ncached_max.read_sizeclass", Type::size, Access::read_write,
     "takes a size; regions of its class that this thread may cache", nullptr, nullptr,
     nodes::read_ncached_max},
    {"thread.tcache.ncached_max.write", Type::text, Access::write,
     "`a-b:n|…`: for sizes a to b no cache (n is 0) or a magazine", nullptr,
     nodes::write_ncached_max},
    {"thread.peak.read", Type::u64, Access::read,
     "most bytes that this thread had allocated and not deallocated since the reset",
     nodes::get_peak},
    {"thread.peak.reset", Type::none, Access::action, "begins anew", nullptr, nodes::reset_peak},
    nodes::prof("thread.prof.name", Type::text, Access::read_write,
                "absent: no profiler; name of the thread in profiles"),
    nodes::prof("thread.prof.active", Type::boolean, Access::read_write,
                "absent: no profiler; this thread is sampled"),
    {"thread.idle", Type::none, Access::action,
     "this thread will wait for long: empties its cache, and gives back its arena's unused pages "
     "if there are more arenas than twice the CPUs",
     nullptr, nodes::idle},

    {"tcache.create", Type::uint, Access::read, "makes a thread cache and gives its number", nullptr,
     nullptr, nodes::create_tcache},
    {"tcache.flush", Type::uint, Access::write, "returns its regions to their arenas", nullptr,
     nodes::on_tcache<core::flush_tcache>},
    {"tcache.destroy", Type::uint, Access::write, "the same, and the number is free again", nullptr,
     nodes::on_tcache<core::destroy_tcache>},
};

}  // namespace granary::ctl
