// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lifecycle.hpp — start, threads, fork, end.
#pragma once

#include "granary/core/options.hpp"

namespace granary::core {

/// Supplied by whoever embeds core (capi; a test): called once, before the first region is
/// handed out. It may not allocate. One of the three upward edges (ARCHITECTURE.md).
[[nodiscard]] HeapOptions load_startup_options() noexcept;

/// Starts the heap if it is not running. Called from the load constructor, and by the first
/// allocation if that comes earlier.
void bootstrap() noexcept;

/// Registers the fork handlers and the thread-exit hook; once, while there is one thread.
void register_process_hooks() noexcept;

/// Fork handlers (pthread_atfork); public for embedders that fork by other means.
void fork_prepare() noexcept;
void fork_parent() noexcept;
void fork_child() noexcept;

}  // namespace granary::core
