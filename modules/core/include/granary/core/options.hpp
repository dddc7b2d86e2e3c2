// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// options.hpp — everything that may be chosen before the heap starts.
//
// Role        Values only: text is read by ctl, the environment by capi.
#pragma once

#include <cstddef>
#include <cstdint>

namespace granary::core {

/// Start-up choices of the heap; the defaults are what a program gets that says nothing.
struct HeapOptions {
    /// Age in ms over which unused dirty pages are given back; 0 at once, -1 never.
    int64_t dirty_decay_ms = 10'000;
    /// The same for muzzy pages (given back lazily with MADV_FREE); 0 skips that state.
    int64_t muzzy_decay_ms = 0;
    /// Most automatic arenas; 0 derives it from the usable CPUs.
    uint32_t arena_limit = 0;
    /// False sends every call to the arenas' locked paths.
    bool thread_cache = true;
    /// True starts a purging thread once there is something to purge.
    bool background_thread = false;
    /// Lets the embedder refuse to start (`abort_conf` after a bad option).
    bool valid = true;
};

}  // namespace granary::core
