// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fork.cpp — fork from a multithreaded process, in any state.
//
// The forking thread takes every lock in rank order, so no other thread is inside anything that a
// lock protects. Threads that do not survive may have been anywhere in their own caches: their
// stores are seen in order, a bin or outbox being rewritten is marked (T3 of thread_state.hpp) and
// dropped, and everything else of theirs idles in the child and is taken over by new threads.
// Other libraries' fork handlers may allocate at any time (mutex.hpp, Locking).
#include "granary/core/lifecycle.hpp"
#include "heap/extent_hooks.hpp"
#include "heap/heap_state.hpp"

namespace granary::core {

namespace {

/// Every lock of the process, in rank order.
template <class Visit>
void for_each_lock(Visit visit) noexcept {
    visit(g_heap.boot);
    visit(background_mutex());
    visit(g_heap.threads.mutex());
    visit(g_heap.caches.mutex());
    g_heap.caches.for_each([&](ExplicitCache& cache) { visit(cache.mutex()); });
    const uint32_t arenas = g_heap.threads.arena_count();  // fixed from here on: arena_set is held
    const auto for_each_explicit = [&](Mutex ExplicitPart::*mutex) {
        for (uint32_t i = 0; i < arenas; ++i) {
            if (arena_at(i)->is_explicit())
                visit(arena_at(i)->explicit_part().*mutex);
        }
    };
    for_each_explicit(&ExplicitPart::upkeep);
    for (uint32_t i = 0; i < arenas; ++i) visit(arena_at(i)->inbox_mutex());
    visit(g_heap.source.mutex());
    for (uint32_t i = 0; i < arenas; ++i) {
        // ORDER: acquire, pairs with attach_hooks(), which arena_set keeps out now.
        auto* hooked = arena_at(i)->explicit_part().hooked.load(std::memory_order_acquire);
        if (hooked != nullptr)
            visit(hooked->pages.mutex());
    }
    for (uint32_t i = 0; i < arenas; ++i) visit(arena_at(i)->pages().mutex());
    for (uint32_t i = 0; i < arenas; ++i) {
        for (unsigned c = 0; c < kSmallClassCount; ++c) visit(arena_at(i)->bin(c).mutex());
    }
    for_each_explicit(&ExplicitPart::huge_mutex);
    visit(g_heap.magazines.mutex());
    visit(g_heap.page_map.mutex());
    visit(g_heap.metadata.mutex());
}

}  // namespace

void fork_prepare() noexcept {
    // Another library's handler may allocate before the locks are released: this thread's arena
    // must exist by then, or fork_parent() would release locks that were never taken.
    static_cast<void>(current_thread());
    for_each_lock([](Mutex& mutex) { static_cast<void>(mutex.lock()); });
    set_forking_thread(true);
}

void fork_parent() noexcept {
    set_forking_thread(false);
    for_each_lock([](Mutex& mutex) { mutex.unlock(); });
}

void fork_child() noexcept {
    set_forking_thread(false);
    forget_held_ranks();
    for_each_lock([](Mutex& mutex) { mutex.reset_after_fork(); });
    forget_background_thread();
    g_heap.threads.orphan_all_but(attached_thread());
}

}  // namespace granary::core
