// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// startup_options.cpp — the options with which the process-wide heap of these tests starts.
//
// Role        No purging by the real clock, so that counts are repeatable; few arenas, so that
//             tests with more threads than that share them.
#include "granary/core/lifecycle.hpp"
#include "support/startup_options.hpp"

namespace granary::core {

HeapOptions load_startup_options() noexcept {
    HeapOptions options;
    options.dirty_decay_ms = -1;
    options.muzzy_decay_ms = 0;
    options.arena_limit = tests::kArenaLimit;
    return options;
}

}  // namespace granary::core
