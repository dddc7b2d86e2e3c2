// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// snapshot.cpp — adding up; see granary/core/snapshot.hpp.
#include "granary/core/snapshot.hpp"

#include "heap/heap_state.hpp"

namespace granary::core {

namespace {

using ClassSums = std::array<size_t, kSmallClassCount>;

void add_purges(HeapSnapshot& out, const PurgeCounters& dirty,
                const PurgeCounters& muzzy) noexcept {
    out.dirty_purges += dirty.passes;
    out.dirty_madvises += dirty.calls;
    out.dirty_purged += dirty.pages;
    out.muzzy_purges += muzzy.passes;
    out.muzzy_madvises += muzzy.calls;
    out.muzzy_purged += muzzy.pages;
}

/// Everything of one arena but what threads hold of it.
void add_arena(Arena& arena, HeapSnapshot& out, ClassSums& taken) noexcept {
    arena.drain_inbox();  // posted regions are then parked, and counted as such
    ++out.arenas;
    out.threads += arena.threads.load(std::memory_order_relaxed);
    out.large_allocated += arena.large_bytes();
    out.large_live += arena.large_live();
    out.huge_allocated += arena.huge_bytes();
    out.huge_live += arena.huge_live();
    const PageCounts pages = arena.pages().counts();
    const size_t cached_large = arena.cached_large_bytes();
    out.active += (pages.active << kPageShift) - cached_large;
    out.dirty += (pages.dirty << kPageShift) + cached_large;
    out.muzzy += pages.muzzy << kPageShift;
    out.retained += pages.retained << kPageShift;
    if (ChunkSource* own = arena.own_source()) {
        out.dirty += own->free_bytes(PageState::dirty);
        out.muzzy += own->free_bytes(PageState::muzzy);
        out.retained += own->free_bytes(PageState::retained);
    }
    PurgeCounters dirty;
    PurgeCounters muzzy;
    arena.pages().read_purge_counters(dirty, muzzy);
    add_purges(out, dirty, muzzy);
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        const BinCounts counts = arena.bin(c).counts();
        taken[c] += counts.taken;
        out.bins[c].cached_regions += counts.parked;
        out.bins[c].runs += counts.runs;
        out.bins[c].nonfull_runs += counts.nonfull_runs;
        out.bins[c].runs_made += counts.runs_made;
        out.bins[c].fills += counts.fills;
        out.bins[c].flushes += counts.flushes;
    }
}

void finish(HeapSnapshot& out, const ClassSums& taken) noexcept {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        BinSnapshot& bin = out.bins[c];
        // While threads run, a region may be counted on its way from one place to the other.
        bin.live_regions = taken[c] > bin.cached_regions ? taken[c] - bin.cached_regions : 0;
        out.small_allocated += bin.live_regions * kSizeClasses[c].size;
        out.cached += bin.cached_regions * kSizeClasses[c].size;
    }
    out.active += out.huge_allocated;
    out.allocated = out.small_allocated + out.large_allocated + out.huge_allocated;
    out.mapped = out.active + out.dirty + out.muzzy + out.metadata;
    out.resident = out.active + out.dirty + out.muzzy + out.metadata;
}

/// Regions in threads' magazines and outboxes. Outboxes hold other arenas' regions: they count
/// for the process only, which is exact, and are posted before an arena is asked about.
void add_caches(HeapSnapshot& out, const Arena* only) noexcept {
    ClassSums outboxes{};
    g_heap.threads.for_each_state([&](const ThreadState& state) {
        if (only == nullptr)
            state.add_outbox(outboxes);
        if (only != nullptr && state.arena != only)
            return;
        // To the arena, what the slots keep is live.
        state.large.for_each([&](size_t, uintptr_t, size_t pages) {
            out.large_live -= 1;
            out.large_allocated -= pages << kPageShift;
            out.active -= pages << kPageShift;
            out.dirty += pages << kPageShift;
        });
        for (unsigned c = 0; c < kSmallClassCount; ++c)
            out.bins[c].cached_regions += state.cached(c);
    });
    g_heap.caches.for_each([&](ExplicitCache& cache) {
        cache.add_held(outboxes, only == nullptr ? ExplicitCache::kNoArena : only->index());
    });
    for (unsigned c = 0; c < kSmallClassCount; ++c) out.bins[c].cached_regions += outboxes[c];
}

}  // namespace

void take_snapshot(HeapSnapshot& out) noexcept {
    out = HeapSnapshot{};
    ClassSums taken{};
    if (ThreadState* state = attached_thread())
        state->post_all();
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) add_arena(*arena_at(i), out, taken);
    add_caches(out, nullptr);
    out.dirty += g_heap.source.free_bytes(PageState::dirty);
    out.muzzy += g_heap.source.free_bytes(PageState::muzzy);
    out.retained += g_heap.source.free_bytes(PageState::retained);
    PurgeCounters dirty;
    PurgeCounters muzzy;
    g_heap.source.read_purge_counters(dirty, muzzy);
    add_purges(out, dirty, muzzy);
    out.metadata = g_heap.metadata.bytes_taken();
    finish(out, taken);
}

bool take_arena_snapshot(unsigned index, HeapSnapshot& out) noexcept {
    out = HeapSnapshot{};
    if (index >= g_heap.threads.arena_count())
        return false;
    ClassSums taken{};
    if (ThreadState* state = attached_thread())
        state->post_all();
    add_arena(*arena_at(index), out, taken);
    add_caches(out, arena_at(index));
    finish(out, taken);
    return true;
}

}  // namespace granary::core
