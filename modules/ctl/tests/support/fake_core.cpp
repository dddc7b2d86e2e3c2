// SPDX-License-Identifier: Apache-2.0 OR MIT
#include "fake_core.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <granary/core/background.hpp>
#include <granary/core/control.hpp>
#include <granary/core/extended.hpp>
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
uint32_t max_background_threads() noexcept { return fake_core().max_background_threads; }
bool set_max_background_threads(uint32_t most) noexcept {
    if (most > 4)
        return false;
    fake_core().max_background_threads = most;
    return true;
}

bool thread_peak(uint64_t& bytes) noexcept {
    bytes = fake_core().peak;
    return fake_core().has_counters;
}
bool reset_thread_peak() noexcept {
    fake_core().peak = 0;
    return fake_core().has_counters;
}
bool thread_cache_enabled() noexcept { return fake_core().has_thread_cache; }
bool set_thread_cache_enabled(bool enabled) noexcept {
    fake_core().has_thread_cache = enabled;
    return true;
}
size_t thread_cache_max() noexcept { return fake_core().cache_max; }
bool set_thread_cache_max(size_t bytes) noexcept {
    fake_core().cache_max = bytes;
    return true;
}
size_t thread_class_slots(unsigned size_class) noexcept {
    return fake_core().uncached.count(size_class) != 0 ? 0
                                                       : kSizeClasses[size_class].magazine_capacity;
}
bool set_thread_classes_cached(unsigned first, unsigned last, bool cached) noexcept {
    for (unsigned c = first; c <= last; ++c) {
        if (cached) {
            fake_core().uncached.erase(c);
        } else {
            fake_core().uncached.insert(c);
        }
    }
    return true;
}
bool idle_thread() noexcept {
    fake_core().actions.emplace_back("idle");
    return true;
}
void set_misuse_hook(MisuseHook hook) noexcept { fake_core().misuse_hook = hook; }
bool add_thread_event(const ThreadEvent& event) noexcept {
    fake_core().events.push_back(event);
    return event.interval != 0;
}

bool arena_exists(unsigned index) noexcept {
    return index < fake_core().arenas.size() && fake_core().dead.count(index) == 0;
}
bool arena_name(unsigned index, char (&out)[kArenaNameSize]) noexcept {
    if (!arena_exists(index))
        return false;
    const std::string& given = fake_core().names[index];
    const std::string name = given.empty() ? "auto_" + std::to_string(index) : given;
    std::memset(out, 0, sizeof out);
    std::memcpy(out, name.data(), std::min(name.size(), sizeof out - 1));
    return true;
}
bool set_arena_name(unsigned index, const char* name) noexcept {
    if (!arena_exists(index))
        return false;
    fake_core().names[index] = name;
    return true;
}
unsigned create_arena(ExtentHooks* hooks) noexcept {
    if (!fake_core().has_metadata)
        return kNoIndex;
    fake_core().hooks = hooks;
    fake_core().arenas.emplace_back();
    return static_cast<unsigned>(fake_core().arenas.size() - 1);
}
bool reset_arena(unsigned index) noexcept {
    fake_core().actions.push_back("reset " + std::to_string(index));
    return arena_exists(index);
}
bool destroy_arena(unsigned index) noexcept {
    if (index == 0 || !arena_exists(index))
        return false;
    fake_core().dead.insert(index);
    return true;
}
ExtentHooks* extent_hooks_of(unsigned index) noexcept {
    static ExtentHooks defaults{};
    if (!arena_exists(index))
        return nullptr;
    return fake_core().hooks == nullptr ? &defaults : fake_core().hooks;
}
ExtentHooks* set_extent_hooks(unsigned index, ExtentHooks* hooks) noexcept {
    ExtentHooks* const old = extent_hooks_of(index);
    if (old != nullptr)
        fake_core().hooks = hooks;
    return old;
}
unsigned thread_arena() noexcept { return fake_core().bound; }
bool bind_thread(unsigned index) noexcept {
    if (!arena_exists(index))
        return false;
    fake_core().bound = index;
    return true;
}
unsigned arena_of_pointer(const void* pointer) noexcept {
    return pointer == &fake_core() ? 1 : kNoIndex;
}
unsigned create_tcache() noexcept { return fake_core().has_metadata ? 5 : kNoIndex; }
bool flush_tcache(unsigned number) noexcept { return number == 5; }
bool destroy_tcache(unsigned number) noexcept { return number == 5; }
bool take_arena_snapshot(unsigned index, HeapSnapshot& out) noexcept {
    if (!arena_exists(index))
        return false;
    out = fake_core().arenas[index];
    return true;
}

int64_t arena_dirty_decay_ms(unsigned index) noexcept {
    return index < fake_core().arenas.size() ? fake_core().arenas[index].dirty_decay_ms : -2;
}
int64_t arena_muzzy_decay_ms(unsigned index) noexcept {
    return index < fake_core().arenas.size() ? fake_core().arenas[index].muzzy_decay_ms : -2;
}
bool set_arena_dirty_decay_ms(unsigned index, int64_t ms) noexcept {
    if (index >= fake_core().arenas.size())
        return false;
    fake_core().arenas[index].dirty_decay_ms = ms;
    return true;
}
bool set_arena_muzzy_decay_ms(unsigned index, int64_t ms) noexcept {
    if (index >= fake_core().arenas.size())
        return false;
    fake_core().arenas[index].muzzy_decay_ms = ms;
    return true;
}
const size_t* arena_active_pages(unsigned index) noexcept {
    return index < fake_core().arenas.size() ? &fake_core().arenas[index].active : nullptr;
}
void* allocate_metadata(size_t size, size_t alignment) noexcept {
    if (!fake_core().has_metadata)
        return nullptr;
    void* const memory = ::operator new(size, std::align_val_t(alignment));
    std::memset(memory, 0, size);
    return memory;
}

void take_snapshots(HeapSnapshot& all, std::span<HeapSnapshot* const> arenas) noexcept {
    ++fake_core().snapshots;
    all = fake_core().heap;
    for (size_t i = 0; i < arenas.size(); ++i) {
        if (arenas[i] != nullptr && i < fake_core().arenas.size())
            *arenas[i] = fake_core().arenas[i];
    }
}

bool take_page_rows(unsigned index, PageRowsSnapshot& out) noexcept {
    if (index > fake_core().arenas.size())
        return false;
    ++fake_core().row_walks;
    out = PageRowsSnapshot{};
    out.classes[3].dirty = index + 1;
    return true;
}

Utilization utilization_of(const void* pointer) noexcept {
    Utilization use;
    if (pointer == &fake_core()) {
        use.next_run = pointer;
        use.free_regions = 1;
        use.regions = 2;
        use.bytes = 3;
        use.bin_free_regions = 4;
        use.bin_regions = 5;
    }
    return use;
}
size_t allocate_batch(size_t size, const Request& request, void** out, size_t count) noexcept {
    for (size_t i = 0; i < count; ++i) out[i] = &fake_core();
    fake_core().actions.push_back("batch " + std::to_string(size) + " " +
                                  std::to_string(request.alignment));
    return count;
}

void take_process_locks(ProcessLocks& out) noexcept { out = fake_core().locks; }
void reset_lock_counters() noexcept { fake_core().locks = {}; }
size_t approximate_active() noexcept { return fake_core().approximate_active; }

}  // namespace granary::core
