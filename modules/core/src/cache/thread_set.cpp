// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_set.cpp — see the header.
#include "cache/thread_set.hpp"

#include <algorithm>
#include <new>

namespace granary::core {

namespace {
/// By arena index; written once each.
constinit std::atomic<Arena*> g_arenas[detail::kMaxArenas] = {};
}  // namespace

Arena* arena_at(uint32_t index) noexcept {
    // ORDER: acquire, pairs with the release in make_arena_locked().
    return g_arenas[index].load(std::memory_order_acquire);
}

void ThreadSet::bind(ChunkSource& source, MetadataHeap& metadata, MagazinePool& magazines,
                     uint32_t arena_limit, uint32_t (*derive_limit)() noexcept) noexcept {
    source_ = &source;
    metadata_ = &metadata;
    magazines_ = &magazines;
    derive_limit_ = derive_limit;
    arena_limit_.store(
        derive_limit != nullptr ? 0 : std::clamp<uint32_t>(arena_limit, 1, detail::kMaxArenas),
        std::memory_order_relaxed);
}

uint32_t ThreadSet::arena_limit() noexcept {
    uint32_t limit = arena_limit_.load(std::memory_order_relaxed);
    if (limit == 0) {
        limit = derive_limit_();
        arena_limit_.store(limit, std::memory_order_relaxed);
    }
    return limit;
}

void ThreadSet::set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    dirty_decay_ms_ = dirty_ms;
    muzzy_decay_ms_ = muzzy_ms;
    for (uint32_t i = 0; i < arena_count(); ++i) {
        Arena& arena = *arena_at(i);
        if (!arena.own_dirty_decay)
            arena.pages().set_one_decay(DecayKind::dirty, dirty_ms, now_ns);
        if (!arena.own_muzzy_decay)
            arena.pages().set_one_decay(DecayKind::muzzy, muzzy_ms, now_ns);
    }
}

void ThreadSet::set_arena_decay(Arena& arena, DecayKind kind, int64_t milliseconds,
                                uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    (kind == DecayKind::dirty ? arena.own_dirty_decay : arena.own_muzzy_decay) = true;
    arena.pages().set_one_decay(kind, milliseconds, now_ns);
}

ThreadState* ThreadSet::attach(uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    ThreadState* state = idle_.pop_front();
    if (state == nullptr) {
        Arena* arena = choose_arena_locked(now_ns);
        if (arena == nullptr)
            return nullptr;
        state = strays_.pop_front();
        if (state != nullptr) {
            // A thread that a fork left behind may still have regions of its arena.
            state->flush();
        } else {
            void* memory = metadata_->make<ThreadState>();
            if (memory == nullptr)
                return nullptr;
            state = new (memory) ThreadState(ThreadState::Mode::cached);
            all_.push_back(*state);
        }
        state->bind(*arena, *magazines_, *metadata_);
    }
    state->idle = false;
    state->mode = ThreadState::Mode::cached;
    state->allocated.store(0, std::memory_order_relaxed);
    state->deallocated.store(0, std::memory_order_relaxed);
    state->peak_base = 0;
    state->peak = 0;
    state->uncached = 0;
    state->cache_max = kSmallMax;
    state->arena->threads.fetch_add(1, std::memory_order_relaxed);
    return state;
}

/// Its own while there may be more (N2).
Arena* ThreadSet::choose_arena_locked(uint64_t now_ns) noexcept {
    const uint32_t count = arena_count();
    Arena* least = nullptr;
    for (uint32_t i = 0; i < count; ++i) {
        Arena* arena = arena_at(i);
        if (arena->is_explicit())
            continue;
        if (least == nullptr || arena->threads.load(std::memory_order_relaxed) <
                                    least->threads.load(std::memory_order_relaxed)) {
            least = arena;
        }
    }
    // Nothing idles, so whoever had it went to an arena of the program's.
    if (least != nullptr && least->threads.load(std::memory_order_relaxed) == 0)
        return least;
    if (automatic_count_ == 0 || automatic_count_ < arena_limit()) {
        if (Arena* arena = make_arena_locked(Maker::granary, now_ns))
            return arena;
    }
    return least;
}

Arena* ThreadSet::make_arena_locked(Maker maker, uint64_t now_ns) noexcept {
    const uint32_t index = arena_count();
    if (index == detail::kMaxArenas)
        return nullptr;
    void* memory = metadata_->make<Arena>();
    if (memory == nullptr)
        return nullptr;
    Arena* arena = new (memory) Arena(index, *source_, *metadata_, *magazines_, maker);
    arena->pages().set_decay(dirty_decay_ms_, muzzy_decay_ms_, now_ns);
    automatic_count_ += maker == Maker::granary ? 1 : 0;
    arena->born_ns.store(now_ns, std::memory_order_relaxed);
    // ORDER: release, pairs with arena_at() and arena_count(): a found arena is complete.
    g_arenas[index].store(arena, std::memory_order_release);
    arena_count_.store(index + 1, std::memory_order_release);
    return arena;
}

Arena* ThreadSet::make_explicit_arena(uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    // Callers without a thread state are served by the first arena: it is an automatic one.
    if (automatic_count_ == 0 && make_arena_locked(Maker::granary, now_ns) == nullptr)
        return nullptr;
    if (vacant_count_ != 0) {
        if (Arena* arena = revive_arena_locked(now_ns))
            return arena;
    }
    return make_arena_locked(Maker::program, now_ns);
}

/// An arena that ended and was emptied, if no outbox has regions of it: its page entries are gone already, and its
/// inbox holds only what is void.
Arena* ThreadSet::revive_arena_locked(uint64_t now_ns) noexcept {
    for (uint32_t i = 0; i < arena_count(); ++i) {
        Arena* arena = arena_at(i);
        ExplicitPart& part = arena->explicit_part();
        if (!part.vacant)
            continue;
        bool is_named = false;
        for (ThreadState& state : all_) is_named = is_named || state.has_regions_of(*arena);
        if (is_named)
            continue;
        {
            ScopedLock upkeep(part.upkeep);
            arena->drop_all();
        }
        arena->pages().set_decay(dirty_decay_ms_, muzzy_decay_ms_, now_ns);
        part.name = {};
        part.vacant = false;
        part.alive.store(true, std::memory_order_relaxed);
        --vacant_count_;
        return arena;
    }
    return nullptr;
}

bool ThreadSet::retire_arena(Arena& arena) noexcept {
    ScopedLock lock(mutex_);
    std::atomic<bool>& alive = arena.explicit_part().alive;
    if (!alive.load(std::memory_order_relaxed) ||
        arena.threads.load(std::memory_order_relaxed) != 0) {
        return false;
    }
    alive.store(false, std::memory_order_relaxed);
    return true;
}

void ThreadSet::vacate_arena(Arena& arena) noexcept {
    ScopedLock lock(mutex_);
    arena.explicit_part().vacant = true;
    ++vacant_count_;
}

void ThreadSet::set_default_decay(int64_t dirty_ms, int64_t muzzy_ms) noexcept {
    ScopedLock lock(mutex_);
    dirty_decay_ms_ = dirty_ms;
    muzzy_decay_ms_ = muzzy_ms;
}

bool ThreadSet::rebind(ThreadState& state, Arena& arena) noexcept {
    ScopedLock lock(mutex_);
    if (!arena.explicit_part().alive.load(std::memory_order_relaxed))
        return false;
    state.arena->threads.fetch_sub(1, std::memory_order_relaxed);
    state.bind(arena, *magazines_, *metadata_);
    arena.threads.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void ThreadSet::detach(ThreadState& state) noexcept {
    if (state.arena->is_explicit()) {
        state.flush();  // nobody takes it over as it is (N4)
    } else {
        state.post_all();
    }
    ScopedLock lock(mutex_);
    retire_locked(state);
}

void ThreadSet::retire_locked(ThreadState& state) noexcept {
    state.idle = true;
    state.mode = ThreadState::Mode::cached;
    state.arena->threads.fetch_sub(1, std::memory_order_relaxed);
    if (state.arena->is_explicit()) {
        strays_.push_front(state);  // N4
    } else {
        idle_.push_front(state);
    }
}

void ThreadSet::age_idle(uint64_t now_ns) noexcept {
    // Whoever is attaching or ageing already will do; nobody waits for this.
    if (!mutex_.try_lock())
        return;
    ThreadState* coldest = idle_.pop_back();
    Arena* arena = nullptr;
    if (coldest != nullptr) {
        coldest->flush();
        arena = coldest->arena;
        idle_.push_front(*coldest);  // round robin; all idle ones are cold before long
    }
    mutex_.unlock();
    if (arena != nullptr)
        arena->tick(now_ns);  // may purge: not under the lock that attaching needs
}

void ThreadSet::flush_idle() noexcept {
    ScopedLock lock(mutex_);
    for (ThreadState& state : idle_) state.flush();
    for (ThreadState& state : strays_) state.flush();
}

void ThreadSet::orphan_all_but(const ThreadState* survivor) noexcept {
    ScopedLock lock(mutex_);
    for (ThreadState& state : all_) {
        if (state.idle || &state == survivor)
            continue;
        state.repair_after_fork();
        retire_locked(state);
    }
}

Arena* ThreadSet::any_arena() noexcept { return arena_count() == 0 ? nullptr : arena_at(0); }

}  // namespace granary::core
