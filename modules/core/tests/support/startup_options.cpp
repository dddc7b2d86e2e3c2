// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// startup_options.cpp — supplies load_startup_options() to the core of these tests.
#include "support/startup_options.hpp"

#include "granary/core/lifecycle.hpp"

namespace granary::core {

namespace tests {

namespace {
constexpr HeapOptions repeatable() {
    HeapOptions options;
    options.dirty_decay_ms = -1;
    options.arena_limit = kArenaLimit;
    return options;
}
constinit HeapOptions g_options = repeatable();
}  // namespace

HeapOptions& startup_options() { return g_options; }

}  // namespace tests

HeapOptions load_startup_options() noexcept { return tests::startup_options(); }

}  // namespace granary::core
