// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_hooks.cpp — the program's hooks as the page layer's ExtentOps, and the default hooks.
//
// Invariants  H1  while a hook runs, its thread's own calls are served by the first automatic arena,
//                 past every cache: the thread's state may be half rewritten just then.
//             H2  a hook that is called by such a call in turn is not called: that is refused.
#include "heap/extent_hooks.hpp"

#include <algorithm>
#include <new>

#include <granary/base/bits.hpp>
#include <granary/os/clock.hpp>

#include "granary/core/control.hpp"
#include "heap/explicit_arenas.hpp"
#include "heap/heap_state.hpp"

namespace granary::core {

namespace {

/// H1 and H2, for a scope.
class HookCall {
public:
    HookCall() noexcept : diverted_(divert_thread(saved_)) {}
    ~HookCall() {
        if (diverted_)
            restore_thread(saved_);
    }
    HookCall(const HookCall&) = delete;
    HookCall& operator=(const HookCall&) = delete;
    [[nodiscard]] explicit operator bool() const noexcept { return diverted_; }

private:
    ThreadState* saved_ = nullptr;
    bool diverted_;
};

HookedArena& arena_of(void* self) noexcept { return *static_cast<HookedArena*>(self); }
ExtentHooks* hooks_of(HookedArena& arena) noexcept {
    // ORDER: acquire, pairs with attach_hooks(): the table is complete.
    return arena.hooks.load(std::memory_order_acquire);
}

void* call_alloc(void* self, size_t size, size_t alignment, bool* zeroed,
                 bool* committed) noexcept {
    const HookCall call;
    HookedArena& arena = arena_of(self);
    ExtentHooks* hooks = hooks_of(arena);
    *zeroed = false;
    *committed = true;
    if (!call)
        return nullptr;
    return hooks->alloc(hooks, nullptr, size, alignment, zeroed, committed, arena.index);
}

bool call_dalloc(void* self, void* address, size_t size, bool committed) noexcept {
    const HookCall call;
    HookedArena& arena = arena_of(self);
    ExtentHooks* hooks = hooks_of(arena);
    return call && hooks->dalloc != nullptr &&
           !hooks->dalloc(hooks, address, size, committed, arena.index);
}

void call_destroy(void* self, void* address, size_t size, bool committed) noexcept {
    const HookCall call;
    HookedArena& arena = arena_of(self);
    ExtentHooks* hooks = hooks_of(arena);
    if (call && hooks->destroy != nullptr)
        hooks->destroy(hooks, address, size, committed, arena.index);
}

/// commit, decommit and the purges: a part of an extent.
template <auto Member>
bool call_on_part(void* self, void* address, size_t size, size_t offset, size_t length) noexcept {
    const HookCall call;
    HookedArena& arena = arena_of(self);
    ExtentHooks* hooks = hooks_of(arena);
    return call && hooks->*Member != nullptr &&
           !(hooks->*Member)(hooks, address, size, offset, length, arena.index);
}

template <auto Member>
bool call_on_whole(void* self, void* address, size_t size) noexcept {
    return call_on_part<Member>(self, address, size, 0, size);
}

bool call_split(void* self, void* address, size_t size, size_t first_size,
                bool committed) noexcept {
    const HookCall call;
    HookedArena& arena = arena_of(self);
    ExtentHooks* hooks = hooks_of(arena);
    return call && hooks->split != nullptr &&
           !hooks->split(hooks, address, size, first_size, size - first_size, committed,
                         arena.index);
}

bool call_merge(void* self, void* address, size_t size, void* next, size_t next_size,
                bool committed) noexcept {
    const HookCall call;
    HookedArena& arena = arena_of(self);
    ExtentHooks* hooks = hooks_of(arena);
    return call && hooks->merge != nullptr &&
           !hooks->merge(hooks, address, size, next, next_size, committed, arena.index);
}

constexpr ExtentOps kHookCalls = {
    .self = nullptr,
    .alloc = call_alloc,
    .dalloc = call_dalloc,
    .destroy = call_destroy,
    .commit = call_on_whole<&ExtentHooks::commit>,
    .decommit = call_on_whole<&ExtentHooks::decommit>,
    .purge_lazy = call_on_part<&ExtentHooks::purge_lazy>,
    .purge_forced = call_on_part<&ExtentHooks::purge_forced>,
    .split = call_split,
    .merge = call_merge,
};

}  // namespace

HookedArena::HookedArena(ExtentHooks& initial, const ExtentOps& table, MetadataHeap& metadata,
                         PageMap& page_map, uint32_t arena) noexcept
    : hooks(&initial), ops(table), index(arena), pages(ops, metadata, page_map, arena + 1) {
    ops.self = this;
    source.bind(pages);
}

ExtentHooks* attach_hooks(Arena& arena, ExtentHooks& hooks) noexcept {
    ExplicitPart& part = arena.explicit_part();
    ScopedLock lock(g_heap.threads.mutex());
    HookedArena* hooked = part.hooked.load(std::memory_order_relaxed);
    if (hooked != nullptr && part.has_hooks.load(std::memory_order_relaxed)) {
        // ORDER: release, pairs with hooks_of().
        return hooked->hooks.exchange(&hooks, std::memory_order_acq_rel);
    }
    if (&hooks == &g_default_hooks)
        return &g_default_hooks;
    if (hooked == nullptr) {
        void* memory = g_heap.metadata.make<HookedArena>();
        if (memory == nullptr)
            return nullptr;
        hooked = new (memory)
            HookedArena(hooks, kHookCalls, g_heap.metadata, g_heap.page_map, arena.index());
    }
    // ORDER: release, pairs with hooks_of().
    hooked->hooks.store(&hooks, std::memory_order_release);
    int64_t dirty = 0;
    int64_t muzzy = 0;
    arena.pages().read_decay(dirty, muzzy);
    hooked->pages.set_decay(dirty, muzzy, os::coarse_now_ns());
    // ORDER: release, pairs with the acquire in own_source() and with fork's walk.
    part.hooked.store(hooked, std::memory_order_release);
    part.own_source.store(&hooked->source, std::memory_order_release);
    part.has_hooks.store(true, std::memory_order_relaxed);
    arena.pages().set_source(hooked->source);
    return &g_default_hooks;
}

void surrender_to_hooks(Arena& arena) noexcept {
    ExplicitPart& part = arena.explicit_part();
    HookedArena* hooked = part.hooked.load(std::memory_order_relaxed);
    if (hooked == nullptr)
        return;
    hooked->pages.surrender();
    arena.pages().set_source(g_heap.source);
    part.has_hooks.store(false, std::memory_order_relaxed);
}

ExtentHooks* extent_hooks_of(unsigned index) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr)
        return nullptr;
    const ExplicitPart& part = arena->explicit_part();
    return part.has_hooks.load(std::memory_order_relaxed)
               ? hooks_of(*part.hooked.load(std::memory_order_relaxed))
               : &g_default_hooks;
}

ExtentHooks* set_extent_hooks(unsigned index, ExtentHooks* hooks) noexcept {
    Arena* arena = live_arena(index);
    if (arena == nullptr || hooks == nullptr || hooks->alloc == nullptr)
        return nullptr;
    return attach_hooks(*arena, *hooks);
}

// ---- The default hooks ------------------------------------------------------------------------

namespace {

const os::PageOps& kernel() noexcept { return os::kernel_pages(); }

void* default_alloc(ExtentHooks*, void* new_address, size_t size, size_t alignment, bool* zero,
                    bool* commit, unsigned) {
    const os::PageOps& ops = kernel();
    alignment = std::max(alignment, os::page_size());
    size_t reserved = 0;
    if (size == 0 || base::add_overflows(size, new_address == nullptr ? alignment : 0, reserved))
        return nullptr;
    void* const memory = ops.reserve(ops.self, new_address, reserved);
    if (memory == nullptr)
        return nullptr;
    const uintptr_t start = base::address_of(memory);
    const uintptr_t aligned = base::align_up(start, alignment);
    const uintptr_t end = start + reserved;
    if ((new_address != nullptr && memory != new_address) || aligned + size > end) {
        ops.release(ops.self, memory, reserved);
        return nullptr;
    }
    if (aligned > start)
        ops.release(ops.self, memory, aligned - start);
    if (end > aligned + size)
        ops.release(ops.self, base::pointer_at(aligned + size), end - aligned - size);
    void* const result = base::pointer_at(aligned);
    if (!ops.commit(ops.self, result, size)) {
        ops.release(ops.self, result, size);
        return nullptr;
    }
    *zero = true;
    *commit = true;
    return result;
}

/// Refused: address space is kept, its pages are purged instead.
bool default_dalloc(ExtentHooks*, void*, size_t, bool, unsigned) { return true; }

void default_destroy(ExtentHooks*, void* address, size_t size, bool, unsigned) {
    kernel().release(kernel().self, address, size);
}

void* part_of(void* address, size_t offset) noexcept {
    return static_cast<std::byte*>(address) + offset;
}

bool default_commit(ExtentHooks*, void* address, size_t, size_t offset, size_t length, unsigned) {
    return !kernel().commit(kernel().self, part_of(address, offset), length);
}

/// Refused: the kernel commits when pages are touched, so purging does the same.
bool default_decommit(ExtentHooks*, void*, size_t, size_t, size_t, unsigned) { return true; }

bool default_purge_lazy(ExtentHooks*, void* address, size_t, size_t offset, size_t length,
                        unsigned) {
    return !kernel().purge_lazy(kernel().self, part_of(address, offset), length);
}

bool default_purge_forced(ExtentHooks*, void* address, size_t, size_t offset, size_t length,
                          unsigned) {
    return !kernel().purge_forced(kernel().self, part_of(address, offset), length);
}

bool default_split(ExtentHooks*, void*, size_t, size_t, size_t, bool, unsigned) { return false; }
bool default_merge(ExtentHooks*, void*, size_t, void*, size_t, bool, unsigned) { return false; }

}  // namespace

constinit ExtentHooks g_default_hooks = {
    .alloc = default_alloc,
    .dalloc = default_dalloc,
    .destroy = default_destroy,
    .commit = default_commit,
    .decommit = default_decommit,
    .purge_lazy = default_purge_lazy,
    .purge_forced = default_purge_forced,
    .split = default_split,
    .merge = default_merge,
};

}  // namespace granary::core
