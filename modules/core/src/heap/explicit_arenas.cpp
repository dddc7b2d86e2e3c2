// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_arenas.cpp — arenas by index: made, named, entered; see granary/core/control.hpp.
#include <algorithm>
#include <cstring>

#include <granary/base/bits.hpp>
#include <granary/base/fixed_string.hpp>
#include <granary/os/clock.hpp>

#include "granary/core/control.hpp"
#include "granary/core/heap.hpp"
#include "granary/core/lifecycle.hpp"
#include "heap/explicit_arenas.hpp"
#include "heap/extent_hooks.hpp"
#include "heap/heap_state.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

static_assert(kArenaNameSize == ExplicitPart::kNameSize);

Arena* live_arena(unsigned index) noexcept {
    if (index >= g_heap.threads.arena_count())
        return nullptr;
    Arena* arena = arena_at(index);
    return arena->explicit_part().alive.load(std::memory_order_relaxed) ? arena : nullptr;
}

unsigned create_arena(ExtentHooks* hooks) noexcept {
    if (hooks != nullptr && hooks->alloc == nullptr)
        return kNoIndex;
    bootstrap();
    Arena* arena = g_heap.threads.make_explicit_arena(os::coarse_now_ns());
    if (arena == nullptr)
        return kNoIndex;
    if (hooks != nullptr && attach_hooks(*arena, *hooks) == nullptr) {
        g_heap.threads.retire_arena(*arena);
        g_heap.threads.vacate_arena(*arena);
        return kNoIndex;
    }
    return arena->index();
}

namespace {

/// Regions in caches that nobody is using just now would outlive the runs they lie in.
void flush_caches() noexcept {
    if (ThreadState* state = attached_thread())
        state->flush();
    g_heap.threads.flush_idle();
    g_heap.caches.for_each([](ExplicitCache& cache) { cache.flush(); });
}

void free_blocks(Arena& arena) noexcept {
    ExplicitPart& part = arena.explicit_part();
    for (;;) {
        ScopedLock lock(part.huge_mutex);
        Extent* block = part.huge.front();
        if (block == nullptr)
            return;
        lock.release();
        // Nobody else frees it, by contract; the head says so to whoever tries later.
        static_cast<void>(PageMap::retire_head(block->base, arena.owner_key(), detail::kHugeHead));
        deallocate_huge(block);
    }
}

void drop_everything(Arena& arena) noexcept {
    ScopedLock lock(arena.explicit_part().upkeep);
    free_blocks(arena);
    arena.drop_all();
}

}  // namespace

bool reset_arena(unsigned index) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr || !arena->is_explicit())
        return false;
    flush_caches();
    drop_everything(*arena);
    return true;
}

bool destroy_arena(unsigned index) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr || !arena->is_explicit() || !g_heap.threads.retire_arena(*arena))
        return false;
    flush_caches();
    drop_everything(*arena);
    surrender_to_hooks(*arena);
    g_heap.threads.vacate_arena(*arena);
    return true;
}

bool arena_exists(unsigned index) noexcept { return live_arena(index) != nullptr; }

bool is_explicit_arena(unsigned index) noexcept {
    const Arena* arena = live_arena(index);
    return arena != nullptr && arena->is_explicit();
}

unsigned arena_threads(unsigned index) noexcept {
    const Arena* arena = live_arena(index);
    return arena == nullptr ? 0 : arena->threads.load(std::memory_order_relaxed);
}

bool arena_name(unsigned index, char (&out)[kArenaNameSize]) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr)
        return false;
    ScopedLock lock(g_heap.threads.mutex());
    const auto& name = arena->explicit_part().name;
    if (name[0] != 0) {
        std::copy(name.begin(), name.end(), out);
        return true;
    }
    base::FixedString<kArenaNameSize - 1> text;
    text.append(arena->is_explicit() ? "manual_" : "auto_").append_decimal(index);
    const std::string_view view = text.view();
    std::copy(view.begin(), view.end(), out);
    out[view.size()] = 0;
    return true;
}

bool set_arena_name(unsigned index, const char* name) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr || name == nullptr)
        return false;
    ScopedLock lock(g_heap.threads.mutex());
    auto& kept = arena->explicit_part().name;
    kept = {};
    for (size_t i = 0; i + 1 < kept.size() && name[i] != 0; ++i) kept[i] = name[i];
    return true;
}

namespace {

constexpr int64_t kNoSuchArena = -2;

/// Both times of one arena; false if there is none.
bool read_decay(unsigned index, int64_t& dirty_ms, int64_t& muzzy_ms) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr)
        return false;
    arena->pages().read_decay(dirty_ms, muzzy_ms);
    return true;
}

void set_decay(Arena& arena, DecayKind kind, int64_t ms) noexcept {
    const uint64_t now = os::coarse_now_ns();
    g_heap.threads.set_arena_decay(arena, kind, ms, now);
    if (ChunkSource* own = arena.own_source()) {
        const PageCounts both = arena.pages().counts();
        own->set_decay(both.dirty_decay_ms, both.muzzy_decay_ms, now);
    }
}

}  // namespace

int64_t arena_dirty_decay_ms(unsigned index) noexcept {
    int64_t dirty = 0;
    int64_t muzzy = 0;
    return read_decay(index, dirty, muzzy) ? dirty : kNoSuchArena;
}

int64_t arena_muzzy_decay_ms(unsigned index) noexcept {
    int64_t dirty = 0;
    int64_t muzzy = 0;
    return read_decay(index, dirty, muzzy) ? muzzy : kNoSuchArena;
}

bool set_arena_dirty_decay_ms(unsigned index, int64_t ms) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr)
        return false;
    set_decay(*arena, DecayKind::dirty, ms);
    return true;
}

bool set_arena_muzzy_decay_ms(unsigned index, int64_t ms) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr)
        return false;
    set_decay(*arena, DecayKind::muzzy, ms);
    return true;
}

unsigned thread_arena() noexcept {
    const ThreadState& state = current_thread();
    return state.arena == nullptr ? kNoIndex : state.arena->index();
}

bool bind_thread(unsigned index) noexcept {
    ThreadState& state = current_thread();
    Arena* arena = live_arena(index);
    if (state.arena == nullptr || arena == nullptr)
        return false;
    if (arena == state.arena)
        return true;
    state.flush();
    return g_heap.threads.rebind(state, *arena);
}

unsigned arena_of_pointer(const void* pointer) noexcept {
    if (!owns(pointer))
        return kNoIndex;
    const uintptr_t address = base::address_of(pointer);
    const uint32_t tag = detail::page_tag(address);
    const unsigned code = detail::tag_code(tag);
    // A freed mark may lie where a huge block's page is now.
    if (tag != 0 && code != detail::kFreedRun && code != detail::kFreedHead)
        return detail::tag_arena(tag);
    const Extent* block = PageMap::chunk_extent(address);
    return block == nullptr ? kNoIndex : block->arena;
}

}  // namespace granary::core
