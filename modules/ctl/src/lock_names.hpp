// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lock_names.hpp — jemalloc's names of locks and of what they count, and granary's locks behind them.
//
// Role        The words are in kWordLists of tree.hpp; what is here goes by a word's place there.
#pragma once

#include <cstddef>
#include <cstdint>

#include <granary/core/snapshot.hpp>

namespace granary::ctl {

using core::LockSnapshot;

/// Places of words in `<lock>`, `<arena_lock>` and `<counter>` that mean something in granary.
struct LockWords {
    enum Process : size_t {
        background_thread = 0,
        ctl = 2,
        arena_set = 9,
        chunk_source,
        magazine_pool,
        page_map,
        metadata_heap,
        count
    };
    enum Arena : size_t { extents_dirty = 2, tcache_list = 9 };
    enum Counter : size_t { num_ops, num_wait, num_spin_acq, num_owner_switch, total_wait, max_wait };
};

/// One counter of a lock.
[[nodiscard]] inline uint64_t lock_counter(const LockSnapshot& lock, size_t word) noexcept {
    switch (word) {
        case LockWords::num_ops:
            return lock.acquired;
        case LockWords::num_wait:
            return lock.waited;
        case LockWords::num_spin_acq:
            return lock.spun;
        case LockWords::num_owner_switch:
            return lock.owner_switches();
        case LockWords::total_wait:
            return lock.total_wait_ns;
        case LockWords::max_wait:
            return lock.longest_wait_ns;
        default:
            return 0;
    }
}

/// The lock of the process that a word of `<lock>` names; all zeros for one of jemalloc's that
/// granary does not have.
[[nodiscard]] inline LockSnapshot process_lock(const core::ProcessLocks& locks,
                                               const LockSnapshot& ctl, size_t word) noexcept {
    switch (word) {
        case LockWords::background_thread:
            return locks.background;
        case LockWords::ctl:
            return ctl;
        case LockWords::arena_set:
            return locks.arena_set;
        case LockWords::chunk_source:
            return locks.chunk_source;
        case LockWords::magazine_pool:
            return locks.magazine_pool;
        case LockWords::page_map:
            return locks.page_map;
        case LockWords::metadata_heap:
            return locks.metadata;
        default:
            return {};
    }
}

/// The lock of an arena that a word of `<arena_lock>` names; most of jemalloc's are one here.
[[nodiscard]] inline LockSnapshot arena_lock(const core::HeapSnapshot& s, size_t word) noexcept {
    switch (word) {
        case LockWords::extents_dirty:
            return s.page_lock;
        case LockWords::tcache_list:
            return s.inbox_lock;
        default:
            return {};
    }
}

}  // namespace granary::ctl
