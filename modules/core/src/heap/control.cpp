// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// control.cpp — purges, counters and settings; see granary/core/control.hpp.
#include "granary/core/control.hpp"

#include <algorithm>

#include <granary/os/clock.hpp>

#include "heap/heap_state.hpp"

namespace granary::core {

namespace {
/// Twice the largest block that metadata asks for at once.
constexpr size_t kChunksForMetadata = 2;
}  // namespace

void reclaim(ThreadState& state) noexcept {
    if (is_diverted(state))
        return;  // its thread may hold any of the locks that this takes
    if (state.arena != nullptr && state.mode != ThreadState::Mode::direct)
        state.flush();
    g_heap.threads.flush_idle();
    g_heap.caches.for_each([](ExplicitCache& cache) { cache.flush(); });
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) arena_at(i)->purge();
    g_heap.source.purge();
    // Under a limit on address space, all of it may be in free chunks while descriptors find none.
    if (g_heap.metadata.take_refusal())
        g_heap.source.release_address_space(kChunksForMetadata);
}

unsigned arena_count() noexcept { return g_heap.threads.arena_count(); }
unsigned arena_limit() noexcept { return g_heap.threads.arena_limit(); }

bool purge_arena(unsigned index) noexcept {
    if (index >= g_heap.threads.arena_count())
        return false;
    // The caller's own large regions that wait to be used again are the arena's pages.
    if (ThreadState* state = attached_thread(); state != nullptr && state->arena == arena_at(index))
        state->release_large();
    arena_at(index)->purge();
    return true;
}

size_t purge_all() noexcept {
    if (ThreadState* state = attached_thread())
        state->flush();
    g_heap.threads.flush_idle();
    g_heap.caches.for_each([](ExplicitCache& cache) { cache.flush(); });
    size_t bytes = 0;
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) bytes += arena_at(i)->purge();
    return bytes + g_heap.source.purge();
}

bool decay_arena(unsigned index) noexcept {
    if (index >= g_heap.threads.arena_count())
        return false;
    arena_at(index)->pages().decay(os::now_ns());
    return true;
}

bool flush_thread_cache() noexcept {
    ThreadState* state = attached_thread();
    if (state == nullptr || state->mode == ThreadState::Mode::direct)
        return false;
    state->flush();
    return true;
}

ThreadState* counting_thread() noexcept {
    ThreadState& state = current_thread();
    if (state.arena == nullptr)
        return nullptr;
    state.counted = true;
    if (state.mode == ThreadState::Mode::cached) {
        state.mode = ThreadState::Mode::counting;
        aim_fast_path(state);
    }
    return &state;
}

namespace {

uint64_t* address_of_counter(std::atomic<uint64_t>& counter) noexcept {
    static_assert(sizeof(std::atomic<uint64_t>) == sizeof(uint64_t) &&
                  std::atomic<uint64_t>::is_always_lock_free);
    // SAFETY: a lock-free 64-bit atomic is its value; jemalloc's interface hands out a plain pointer.
    return reinterpret_cast<uint64_t*>(&counter);
}

}  // namespace

uint64_t* thread_allocated_counter() noexcept {
    ThreadState* state = counting_thread();
    return state == nullptr ? nullptr : address_of_counter(state->allocated);
}

uint64_t* thread_deallocated_counter() noexcept {
    ThreadState* state = counting_thread();
    return state == nullptr ? nullptr : address_of_counter(state->deallocated);
}

int64_t dirty_decay_ms() noexcept { return g_heap.dirty_decay_ms.load(std::memory_order_relaxed); }
int64_t muzzy_decay_ms() noexcept { return g_heap.muzzy_decay_ms.load(std::memory_order_relaxed); }

namespace {
void apply_decay() noexcept {
    const uint64_t now = os::coarse_now_ns();
    g_heap.source.set_decay(dirty_decay_ms(), muzzy_decay_ms(), now);
    g_heap.threads.set_decay(dirty_decay_ms(), muzzy_decay_ms(), now);
}
}  // namespace

void set_dirty_decay_ms(int64_t ms) noexcept {
    g_heap.dirty_decay_ms.store(ms, std::memory_order_relaxed);
    apply_decay();
}

void set_muzzy_decay_ms(int64_t ms) noexcept {
    g_heap.muzzy_decay_ms.store(ms, std::memory_order_relaxed);
    apply_decay();
}

void set_default_dirty_decay_ms(int64_t ms) noexcept {
    g_heap.dirty_decay_ms.store(ms, std::memory_order_relaxed);
    g_heap.threads.set_default_decay(ms, muzzy_decay_ms());
}

void set_default_muzzy_decay_ms(int64_t ms) noexcept {
    g_heap.muzzy_decay_ms.store(ms, std::memory_order_relaxed);
    g_heap.threads.set_default_decay(dirty_decay_ms(), ms);
}

const size_t* arena_active_pages(unsigned index) noexcept {
    if (index >= g_heap.threads.arena_count())
        return nullptr;
    static_assert(sizeof(std::atomic<size_t>) == sizeof(size_t) &&
                  std::atomic<size_t>::is_always_lock_free);
    // SAFETY: as for the counters of threads.
    return reinterpret_cast<const size_t*>(&arena_at(index)->pages().used_pages_counter());
}

void* allocate_metadata(size_t size, size_t alignment) noexcept {
    return g_heap.metadata.allocate(size, alignment);
}

int64_t maintain() noexcept { return maintain_share(0, 1); }

int64_t maintain_share(uint32_t share, uint32_t shares) noexcept {
    const uint64_t now = os::now_ns();
    bool pending = false;
    for (uint32_t i = share; i < g_heap.threads.arena_count(); i += shares) {
        arena_at(i)->tick(now);
        pending = pending || arena_at(i)->has_unpurged();
    }
    if (share == 0) {
        g_heap.source.decay(now);
        g_heap.threads.age_idle(now);
        pending = pending || g_heap.source.has_unpurged();
    }
    const int64_t ms = dirty_decay_ms();
    if (!pending || ms < 0)
        return INT64_MAX;
    return std::clamp<int64_t>(ms / static_cast<int64_t>(Decay::kSteps), 10, 1000);
}

void check_invariants() noexcept {
    g_heap.source.check_invariants();
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) {
        if (ChunkSource* own = arena_at(i)->own_source())
            own->check_invariants();
    }
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) arena_at(i)->check_invariants();
    g_heap.caches.for_each([](ExplicitCache& cache) { cache.check_invariants(); });
    // Only what nobody is using this moment can be looked at: this thread's cache and idle ones.
    const ThreadState* own = attached_thread();
    g_heap.threads.for_each_state([&](const ThreadState& state) {
        if (state.idle || &state == own)
            state.check_invariants();
    });
}

}  // namespace granary::core
