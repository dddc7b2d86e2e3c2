// SPDX-License-Identifier: Apache-2.0 OR MIT
#include "fake_core.hpp"

#include <granary/core/control.hpp>
#include <granary/core/lifecycle.hpp>

namespace granary::ctl::tests {

FakeCore& fake_core() {
    static FakeCore fake;
    return fake;
}

void reset_fake_core(size_t arenas) {
    fake_core() = FakeCore();
    fake_core().arenas.resize(arenas);
}

}  // namespace granary::ctl::tests

namespace granary::core {

using ctl::tests::fake_core;

void bootstrap() noexcept {}

unsigned arena_count() noexcept { return static_cast<unsigned>(fake_core().arenas.size()); }
unsigned arena_limit() noexcept { return fake_core().arena_limit; }

bool purge_arena(unsigned index) noexcept {
    if (index >= fake_core().arenas.size())
        return false;
    fake_core().actions.push_back("purge " + std::to_string(index));
    return true;
}

size_t purge_all() noexcept {
    fake_core().actions.emplace_back("purge all");
    return 0;
}

bool decay_arena(unsigned index) noexcept {
    if (index >= fake_core().arenas.size())
        return false;
    fake_core().actions.push_back("decay " + std::to_string(index));
    return true;
}

bool flush_thread_cache() noexcept {
    fake_core().actions.emplace_back("flush");
    return fake_core().has_thread_cache;
}

uint64_t* thread_allocated_counter() noexcept {
    return fake_core().has_counters ? &fake_core().allocated : nullptr;
}
uint64_t* thread_deallocated_counter() noexcept {
    return fake_core().has_counters ? &fake_core().deallocated : nullptr;
}

int64_t dirty_decay_ms() noexcept { return fake_core().dirty_decay_ms; }
int64_t muzzy_decay_ms() noexcept { return fake_core().muzzy_decay_ms; }
void set_dirty_decay_ms(int64_t ms) noexcept { fake_core().dirty_decay_ms = ms; }
void set_muzzy_decay_ms(int64_t ms) noexcept { fake_core().muzzy_decay_ms = ms; }

int64_t maintain() noexcept {
    fake_core().actions.emplace_back("maintain");
    return INT64_MAX;
}

bool set_background_thread(bool enabled) noexcept {
    if (enabled && !fake_core().can_start_thread)
        return false;
    fake_core().background_thread = enabled;
    return true;
}
bool background_thread_enabled() noexcept { return fake_core().background_thread; }

void take_snapshot(HeapSnapshot& out) noexcept {
    ++fake_core().heap_snapshots;
    out = fake_core().heap;
}

bool take_arena_snapshot(unsigned index, HeapSnapshot& out) noexcept {
    if (index >= fake_core().arenas.size())
        return false;
    ++fake_core().arena_snapshots;
    out = fake_core().arenas[index];
    return true;
}

}  // namespace granary::core
