// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_explicit.hpp — arenas and thread caches that the program makes, names and chooses.
#pragma once

#include <cerrno>
#include <cstring>

#include <granary/core/control.hpp>
#include <granary/core/extent_hooks.hpp>

#include "node.hpp"
#include "nodes_arena.hpp"

namespace granary::ctl {
namespace nodes {

inline int get_thread_arena(const Path& /*path*/, Value& out) noexcept {
    const unsigned index = core::thread_arena();
    if (index == core::kNoIndex)
        return EAGAIN;
    out.put(index);
    return 0;
}

inline int set_thread_arena(const Path& /*path*/, const Value& in) noexcept {
    return core::bind_thread(in.as<unsigned>()) ? 0 : EFAULT;
}

/// Reads into the text that *old_value points to, which has room for kArenaNameSize characters; sets
/// from the text that *new_value points to.
int exchange_arena_name(const Path& path, const Call& call) noexcept;

inline int get_extent_hooks(const Path& path, Value& out) noexcept {
    core::ExtentHooks* const hooks = core::extent_hooks_of(index_of(path));
    if (hooks == nullptr)
        return EFAULT;
    out.put(hooks);
    return 0;
}

inline int set_extent_hooks(const Path& path, const Value& in) noexcept {
    auto* const hooks = in.as<core::ExtentHooks*>();
    if (hooks == nullptr)
        return EFAULT;
    return core::set_extent_hooks(index_of(path), hooks) == nullptr ? EFAULT : 0;
}

inline int reset(const Path& path, const Value& /*in*/) noexcept {
    return core::reset_arena(index_of(path)) ? 0 : EFAULT;
}

/// What the arena has counted stays in the statistics of destroyed ones.
int destroy(const Path& path, const Value& in) noexcept;

template <bool (*Apply)(unsigned) noexcept>
int on_tcache(const Path& /*path*/, const Value& in) noexcept {
    return Apply(in.as<unsigned>()) ? 0 : EFAULT;
}

/// Makes something and gives its number. Nothing is made unless there is the right room for that.
template <typename Make>
int create(const Call& call, Make make) noexcept {
    if (!call.wants_old() || *call.old_length != sizeof(unsigned)) {
        if (call.old_length != nullptr)
            *call.old_length = 0;
        return EINVAL;
    }
    const unsigned index = make();
    if (index == core::kNoIndex)
        return EAGAIN;
    return copy_out(&index, sizeof index, call);
}

inline int create_tcache(const Path& /*path*/, const Call& call) noexcept {
    if (call.has_new())
        return EPERM;
    return create(call, [] { return core::create_tcache(); });
}

inline int lookup(const Path& /*path*/, const Call& call) noexcept {
    const void* pointer = nullptr;
    if (call.new_value == nullptr || call.new_length != sizeof pointer)
        return EINVAL;
    std::memcpy(&pointer, call.new_value, sizeof pointer);
    const unsigned index = core::arena_of_pointer(pointer);
    if (index == core::kNoIndex)
        return EINVAL;
    return copy_out(&index, sizeof index, call);
}

/// Takes hooks, or nothing, and gives the number of a new arena.
int create_arena(const Path& path, const Call& call) noexcept;
/// Takes hooks and whether metadata shall come from them too, which it never does.
int create_arena_ext(const Path& path, const Call& call) noexcept;

}  // namespace nodes
}  // namespace granary::ctl
