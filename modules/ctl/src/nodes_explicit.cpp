// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_explicit.cpp — the nodes of arenas made by the program that take one type and give another.
#include "nodes_explicit.hpp"

#include <granary/core/snapshot.hpp>

#include "stats_cache.hpp"

namespace granary::ctl::nodes {

int exchange_arena_name(const Path& path, const Call& call) noexcept {
    // What is to be the name first: both texts may be in one buffer.
    char wanted[core::kArenaNameSize] = {};
    if (call.new_value != nullptr) {
        const char* text = nullptr;
        if (call.new_length != sizeof text)
            return EINVAL;
        std::memcpy(&text, call.new_value, sizeof text);
        if (text == nullptr)
            return EINVAL;
        std::memcpy(wanted, text, ::strnlen(text, sizeof wanted - 1));
    }
    if (call.wants_old()) {
        char* text = nullptr;
        if (*call.old_length != sizeof text)
            return EINVAL;
        std::memcpy(&text, call.old_value, sizeof text);
        char name[core::kArenaNameSize];
        if (text == nullptr || !core::arena_name(index_of(path), name))
            return EINVAL;
        std::memcpy(text, name, sizeof name);
    }
    const bool done = call.new_value == nullptr ? core::arena_exists(index_of(path))
                                                : core::set_arena_name(index_of(path), wanted);
    return done ? 0 : EINVAL;
}

int destroy(const Path& path, const Value& /*in*/) noexcept {
    core::HeapSnapshot last;
    if (!core::take_arena_snapshot(index_of(path), last) || !core::destroy_arena(index_of(path)))
        return EFAULT;
    stats_cache().bury(last);
    return 0;
}

namespace {

/// The program is told a new index: from then on it means that arena, not "all of them".
unsigned make_arena(core::ExtentHooks* hooks) noexcept {
    const unsigned index = core::create_arena(hooks);
    static_cast<void>(stats_cache().arena_count(true));
    return index;
}

}  // namespace

int create_arena(const Path& /*path*/, const Call& call) noexcept {
    core::ExtentHooks* hooks = nullptr;
    if (call.new_value != nullptr) {
        if (call.new_length != sizeof hooks)
            return EINVAL;
        std::memcpy(&hooks, call.new_value, sizeof hooks);
    }
    return create(call, [&] { return make_arena(hooks); });
}

int create_arena_ext(const Path& /*path*/, const Call& call) noexcept {
    struct Configuration {
        core::ExtentHooks* hooks;
        bool metadata_use_hooks;
    } wanted{};
    if (call.new_value != nullptr) {
        if (call.new_length != sizeof wanted)
            return EINVAL;
        std::memcpy(&wanted.hooks, call.new_value, sizeof wanted.hooks);
    }
    return create(call, [&] { return make_arena(wanted.hooks); });
}

}  // namespace granary::ctl::nodes
