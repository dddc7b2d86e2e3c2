// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_floor.hpp — a thread set of a test's own, over fake pages. Not for programs that also use
// the process-wide heap: arenas are found by index in one table.
#pragma once

#include "cache/thread_set.hpp"
#include "support/page_floor.hpp"

namespace granary::core::tests {

struct ThreadFloor : PageFloor {
    explicit ThreadFloor(uint32_t arena_limit = 4) {
        threads.bind(source, metadata, magazines, arena_limit);
        threads.set_decay(-1, 0, 0);
    }

    /// Everything of every arena that is not in a run.
    size_t taken(unsigned size_class) {
        size_t sum = 0;
        for (uint32_t i = 0; i < threads.arena_count(); ++i)
            sum += arena_at(i)->bin(size_class).counts().taken;
        return sum;
    }
    void drain_inboxes() {
        for (uint32_t i = 0; i < threads.arena_count(); ++i) arena_at(i)->drain_inbox();
    }
    void check() {
        source.check_invariants();
        for (uint32_t i = 0; i < threads.arena_count(); ++i) arena_at(i)->check_invariants();
        threads.for_each_state([](const ThreadState& state) { state.check_invariants(); });
    }

    ThreadSet threads;
};

}  // namespace granary::core::tests
