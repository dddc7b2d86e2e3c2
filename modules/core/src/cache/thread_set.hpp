// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_set.hpp — all arenas and all thread states, and who adopts what.
//
// Role        Attach and detach of threads; walks over everything for statistics and purges.
// Owns        Every Arena and ThreadState ever made; neither is ever destroyed.
// Invariants  N1  a state is idle, or one thread's. An idle one keeps its arena and its warm
//                 magazines, and is taken over whole by the next thread.
//             N2  an automatic arena has one attached thread, unless there were as many as
//                 limit() when a thread came: then the arena with the fewest is shared. Threads
//                 come to an arena made by the program by rebind() only.
//             N3  arena indices are reused by make_explicit_arena() only, see heap/explicit_arenas.cpp.
//             N4  idle_ has states of automatic arenas; those of other arenas wait in strays_ until
//                 a thread takes them, which binds them to an arena of its own first.
// Locking     mutex_, LockRank::arena_set. Arenas are found by index without it.
// Cost        attach and detach O(1) when something idles.
// Source      Whole heaps handed from a dying thread to the next: rpmalloc, snmalloc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/intrusive_list.hpp>

#include "cache/thread_state.hpp"
#include "granary/core/control.hpp"
#include "sync/mutex.hpp"

namespace granary::core {

class ThreadSet {
public:
    constexpr ThreadSet() noexcept = default;

    void bind(ChunkSource& source, MetadataHeap& metadata, MagazinePool& magazines,
              uint32_t arena_limit, uint32_t (*derive_limit)() noexcept = nullptr) noexcept;

    /// Decay times that arenas made later start with; existing ones are changed too, unless they
    /// have their own.
    void set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept;
    /// Gives one arena a decay time of its own.
    void set_arena_decay(Arena& arena, DecayKind kind, int64_t milliseconds,
                         uint64_t now_ns) noexcept;

    /// A state for a new thread: idle, or fresh; nullptr: out of memory.
    [[nodiscard]] ThreadState* attach(uint64_t now_ns) noexcept;
    /// The thread ends: its outbox is posted, the rest idles with its arena.
    void detach(ThreadState& state) noexcept;

    /// Moves an attached thread to another arena; its cache is empty (flush() it before). False if
    /// the arena was retired.
    bool rebind(ThreadState& state, Arena& arena) noexcept;

    /// An arena that no thread is attached to by itself; nullptr: out of memory or of indices.
    [[nodiscard]] Arena* make_explicit_arena(uint64_t now_ns) noexcept;
    /// An arena of the program's ends. False if threads are attached, or if it ended before.
    bool retire_arena(Arena& arena) noexcept;
    /// A retired arena is empty: from now on its index may be used again.
    void vacate_arena(Arena& arena) noexcept;
    /// Decay times that arenas made later start with.
    void set_default_decay(int64_t dirty_ms, int64_t muzzy_ms) noexcept;

    /// Cools one idle state per call: flushes its magazines, decays its arena.
    void age_idle(uint64_t now_ns) noexcept;
    /// Flushes every idle state.
    void flush_idle() noexcept;

    /// In a forked child: every state but `survivor` becomes idle.
    void orphan_all_but(const ThreadState* survivor) noexcept;

    /// Some arena for a caller without a state; nullptr before the first attach.
    [[nodiscard]] Arena* any_arena() noexcept;
    [[nodiscard]] uint32_t arena_count() const noexcept {
        // ORDER: acquire, pairs with the release in make_arena_locked().
        return arena_count_.load(std::memory_order_acquire);
    }
    /// Most automatic arenas; the first question may have to count CPUs.
    [[nodiscard]] uint32_t arena_limit() noexcept;

    /// Calls visit(ThreadState&) for every state, under the lock.
    template <class Visit>
    void for_each_state(Visit visit) noexcept {
        ScopedLock lock(mutex_);
        for (ThreadState& state : all_) visit(state);
    }

    Mutex& mutex() noexcept { return mutex_; }

private:
    Arena* make_arena_locked(Maker maker, uint64_t now_ns) noexcept;
    Arena* choose_arena_locked(uint64_t now_ns) noexcept;
    void retire_locked(ThreadState& state) noexcept;
    [[nodiscard]] Arena* revive_arena_locked(uint64_t now_ns) noexcept;

    Mutex mutex_{LockRank::arena_set};
    ChunkSource* source_ = nullptr;      // const after init
    MetadataHeap* metadata_ = nullptr;   // const after init
    MagazinePool* magazines_ = nullptr;  // const after init
    uint32_t (*derive_limit_)() noexcept = nullptr;  // const after init
    std::atomic<uint32_t> arena_limit_{1};           // 0: to be derived
    std::atomic<uint32_t> arena_count_{0};
    // guarded by mutex_
    base::IntrusiveList<ThreadState, &ThreadState::all_link> all_;
    base::IntrusiveList<ThreadState, &ThreadState::idle_link> idle_;  // newest first
    base::IntrusiveList<ThreadState, &ThreadState::idle_link> strays_;  // N4
    uint32_t automatic_count_ = 0;
    uint32_t vacant_count_ = 0;  // arenas that ended and whose index was not used again
    int64_t dirty_decay_ms_ = 0;
    int64_t muzzy_decay_ms_ = 0;
};

}  // namespace granary::core
