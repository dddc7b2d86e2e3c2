// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fake_core.hpp — a core that answers what the test told it to, and writes down what was asked.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <granary/core/control.hpp>
#include <granary/core/extent_hooks.hpp>
#include <granary/core/probe.hpp>
#include <granary/core/snapshot.hpp>

namespace granary::ctl::tests {

struct FakeCore {
    core::HeapSnapshot heap;
    std::vector<core::HeapSnapshot> arenas;
    unsigned arena_limit = 16;
    int64_t dirty_decay_ms = 10'000;
    int64_t muzzy_decay_ms = 0;
    bool background_thread = false;
    uint32_t max_background_threads = 4;
    bool can_start_thread = true;
    bool has_thread_cache = true;
    bool has_counters = true;
    uint64_t allocated = 0;
    uint64_t deallocated = 0;

    uint64_t peak = 0;
    size_t cache_max = core::kSmallMax;
    std::set<unsigned> uncached;
    core::MisuseHook misuse_hook = nullptr;
    std::vector<core::ThreadEvent> events;
    bool has_metadata = true;
    std::set<unsigned> dead;
    std::map<unsigned, std::string> names;
    core::ExtentHooks* hooks = nullptr;
    unsigned bound = 0;
    core::ProcessLocks locks;
    size_t approximate_active = 0;

    int snapshots = 0;
    int row_walks = 0;
    std::vector<std::string> actions;
};

/// The core that the functions of granary::core answer from.
FakeCore& fake_core();

/// A fresh one, with `arenas` arenas.
void reset_fake_core(size_t arenas);

}  // namespace granary::ctl::tests
