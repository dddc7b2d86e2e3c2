// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_hooks.hpp — an arena whose memory comes from hooks.
#pragma once

#include <atomic>

#include "arena/arena.hpp"
#include "granary/core/extent_hooks.hpp"
#include "page/hooked_pages.hpp"

namespace granary::core {

/// What an arena with hooks has besides; made once per arena, never destroyed.
struct HookedArena {
    HookedArena(ExtentHooks& initial, const ExtentOps& table, MetadataHeap& metadata,
                PageMap& page_map, uint32_t arena) noexcept;

    std::atomic<ExtentHooks*> hooks;
    ExtentOps ops;      // const after init
    const uint32_t index;
    HookedPages pages;
    ChunkSource source;  ///< what the page allocator sees
};

/// The hooks that ask the kernel: what a program finds where it has set none.
extern ExtentHooks g_default_hooks;

/// Attaches `hooks` to an arena, or exchanges its hooks.
/// @return the old ones; nullptr: out of memory.
[[nodiscard]] ExtentHooks* attach_hooks(Arena& arena, ExtentHooks& hooks) noexcept;
/// The arena ends: its free memory goes back to the hooks for good.
void surrender_to_hooks(Arena& arena) noexcept;

}  // namespace granary::core
