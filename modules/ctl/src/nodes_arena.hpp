// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_arena.hpp — nodes about the calling thread, one arena, and what all arenas share.
#pragma once

#include <cerrno>

#include <granary/core/control.hpp>
#include <granary/core/size_class.hpp>

#include "node.hpp"
#include "stats_cache.hpp"

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

inline int flush_thread_cache(const Path& /*path*/, const Value& /*in*/) noexcept {
    return core::flush_thread_cache() ? 0 : EFAULT;
}

inline int purge(const Path& path, const Value& /*in*/) noexcept {
    if (path.arena == kAllArenas) {
        core::purge_all();
        return 0;
    }
    return core::purge_arena(static_cast<unsigned>(path.arena)) ? 0 : EFAULT;
}

inline int decay(const Path& path, const Value& /*in*/) noexcept {
    if (path.arena == kAllArenas) {
        core::maintain();
        return 0;
    }
    return core::decay_arena(static_cast<unsigned>(path.arena)) ? 0 : EFAULT;
}

inline int get_arena_count(const Path& /*path*/, Value& out) noexcept {
    out.put(stats_cache().arena_count(true));
    return 0;
}

template <int64_t (*Get)() noexcept>
int get_decay_ms(const Path& /*path*/, Value& out) noexcept {
    out.put(Get());
    return 0;
}

template <void (*Set)(int64_t) noexcept>
int set_decay_ms(const Path& /*path*/, const Value& in) noexcept {
    const auto ms = in.as<int64_t>();
    if (ms < -1)
        return EFAULT;
    Set(ms);
    return 0;
}

template <typename T, T Constant>
int constant(const Path& /*path*/, Value& out) noexcept {
    out.put(Constant);
    return 0;
}

inline int get_bin_size(const Path& path, Value& out) noexcept {
    out.put(size_t{core::kSizeClasses[path.bin].size});
    return 0;
}

inline int get_bin_regions(const Path& path, Value& out) noexcept {
    out.put(uint32_t{core::kSizeClasses[path.bin].run_regions});
    return 0;
}

inline int get_bin_run_bytes(const Path& path, Value& out) noexcept {
    out.put(size_t{core::kSizeClasses[path.bin].run_pages} * core::kPageSize);
    return 0;
}

}  // namespace nodes

inline constexpr Node kArenaNodes[] = {
    {"thread.allocated", Type::u64, Access::read, "bytes this thread ever allocated",
     nodes::thread_counter<core::thread_allocated_counter>},
    {"thread.allocatedp", Type::u64_pointer, Access::read, "address of that counter",
     nodes::thread_counter_address<core::thread_allocated_counter>},
    {"thread.deallocated", Type::u64, Access::read, "bytes this thread ever deallocated",
     nodes::thread_counter<core::thread_deallocated_counter>},
    {"thread.deallocatedp", Type::u64_pointer, Access::read, "address of that counter",
     nodes::thread_counter_address<core::thread_deallocated_counter>},
    {"thread.tcache.flush", Type::none, Access::action, "empties this thread's cache", nullptr,
     nodes::flush_thread_cache},

    {"arena.<arena>.purge", Type::none, Access::action, "gives back all unused pages", nullptr,
     nodes::purge},
    {"arena.<arena>.decay", Type::none, Access::action, "gives back what decay asks for now",
     nullptr, nodes::decay},

    {"arenas.narenas", Type::uint, Access::read, "number of arenas", nodes::get_arena_count},
    {"arenas.dirty_decay_ms", Type::ssize, Access::read_write, "decay time of dirty pages",
     nodes::get_decay_ms<core::dirty_decay_ms>, nodes::set_decay_ms<core::set_dirty_decay_ms>},
    {"arenas.muzzy_decay_ms", Type::ssize, Access::read_write, "decay time of muzzy pages",
     nodes::get_decay_ms<core::muzzy_decay_ms>, nodes::set_decay_ms<core::set_muzzy_decay_ms>},
    {"arenas.quantum", Type::size, Access::read, "least alignment, bytes",
     nodes::constant<size_t, core::kGeometry.quantum>},
    {"arenas.page", Type::size, Access::read, "page, bytes",
     nodes::constant<size_t, core::kPageSize>},
    {"arenas.tcache_max", Type::size, Access::read, "largest size that threads cache, bytes",
     nodes::constant<size_t, core::kSmallMax>},
    {"arenas.nbins", Type::uint, Access::read, "number of small size classes",
     nodes::constant<unsigned, unsigned{core::kSmallClassCount}>},
    {"arenas.bin.<bin>.size", Type::size, Access::read, "size of the class, bytes",
     nodes::get_bin_size},
    {"arenas.bin.<bin>.nregs", Type::u32, Access::read, "regions per run", nodes::get_bin_regions},
    {"arenas.bin.<bin>.slab_size", Type::size, Access::read, "bytes per run",
     nodes::get_bin_run_bytes},
};

}  // namespace granary::ctl
