// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// snapshot.cpp — adding up; see granary/core/snapshot.hpp.
#include "granary/core/snapshot.hpp"

#include <algorithm>

#include <granary/os/clock.hpp>

#include "granary/core/background.hpp"
#include "granary/core/probe.hpp"
#include "heap/heap_state.hpp"

namespace granary::core {

namespace {

/// Where what is read goes: the whole heap's snapshot, those of some arenas, or both (V1).
class Collector {
public:
    Collector(HeapSnapshot* all, std::span<HeapSnapshot* const> arenas, uint32_t first) noexcept
        : all_(all), arenas_(arenas), first_(first) {}

    [[nodiscard]] HeapSnapshot* of_arena(uint32_t index) const noexcept {
        const size_t slot = size_t{index} - first_;
        return slot < arenas_.size() ? arenas_[slot] : nullptr;
    }

    /// Calls add(HeapSnapshot&) for everything that counts this arena.
    template <typename Add>
    void to(uint32_t arena, Add add) const noexcept {
        if (all_ != nullptr)
            add(*all_);
        if (HeapSnapshot* one = of_arena(arena))
            add(*one);
    }

    template <typename Visit>
    void for_each(Visit visit) const noexcept {
        if (all_ != nullptr)
            visit(*all_);
        for (HeapSnapshot* one : arenas_) {
            if (one != nullptr)
                visit(*one);
        }
    }

private:
    HeapSnapshot* all_;
    std::span<HeapSnapshot* const> arenas_;
    uint32_t first_;
};

void add_purges(HeapSnapshot& out, const PurgeCounters& dirty,
                const PurgeCounters& muzzy) noexcept {
    out.dirty_purges += dirty.passes;
    out.dirty_madvises += dirty.calls;
    out.dirty_purged += dirty.pages;
    out.muzzy_purges += muzzy.passes;
    out.muzzy_madvises += muzzy.calls;
    out.muzzy_purged += muzzy.pages;
}

void add_bin(BinSnapshot& out, const BinCounts& counts) noexcept {
    out.live_regions += counts.taken;  // until finish() takes the cached ones away
    out.cached_regions += counts.parked;
    out.runs += counts.runs;
    out.nonfull_runs += counts.nonfull_runs;
    out.runs_made += counts.runs_made;
    out.regions_made += counts.regions_made;
    out.regions_returned += counts.regions_made - counts.taken;
    out.fills += counts.fills;
    out.flushes += counts.flushes;
    out.lock.add(counts.lock);
}

/// Everything of one arena but what threads hold of it.
void add_arena(Arena& arena, const Collector& collector, uint64_t now_ns) noexcept {
    arena.drain_inbox();  // posted regions are then parked, and counted as such
    const PageCounts pages = arena.pages().counts();
    std::array<size_t, kPageStates> free_chunks{};  // of an arena with hooks: it has its own
    if (ChunkSource* own = arena.own_source()) {
        for (size_t state = 0; state < kPageStates; ++state)
            free_chunks[state] = own->free_bytes(static_cast<PageState>(state));
    }
    PurgeCounters dirty;
    PurgeCounters muzzy;
    arena.pages().read_purge_counters(dirty, muzzy);
    const size_t cached_large = arena.cached_large_bytes();
    const size_t large_bytes = arena.large_bytes();
    const size_t large_live = arena.counts().large_live();
    const size_t huge_bytes = arena.counts().huge_bytes();
    const size_t huge_live = arena.counts().huge_live();
    const uint64_t born = arena.born_ns.load(std::memory_order_relaxed);
    collector.to(arena.index(), [&](HeapSnapshot& out) {
        ++out.arenas;
        out.threads += arena.threads.load(std::memory_order_relaxed);
        out.large_allocated += large_bytes;
        out.large_live += large_live;
        out.huge_allocated += huge_bytes;
        out.huge_live += huge_live;
        out.active += (pages.active << kPageShift) - cached_large;
        out.dirty += (pages.dirty << kPageShift) + cached_large + free_chunks[0];
        out.muzzy += (pages.muzzy << kPageShift) + free_chunks[1];
        out.retained += (pages.retained << kPageShift) + free_chunks[2];
        out.spare_extents += pages.spare_extents;
        out.metadata_extents += pages.extents_made * sizeof(Extent);
        out.dirty_decay_ms = pages.dirty_decay_ms;
        out.muzzy_decay_ms = pages.muzzy_decay_ms;
        out.uptime_ns = std::max(out.uptime_ns, now_ns > born ? now_ns - born : 0);
        out.page_lock.add(pages.lock);
        out.inbox_lock.add(arena.inbox_mutex().counters());
        add_purges(out, dirty, muzzy);
    });
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        const BinCounts counts = arena.bin(c).counts();
        collector.to(arena.index(), [&](HeapSnapshot& out) { add_bin(out.bins[c], counts); });
    }
    for (size_t c = 0; c < kLargeClassCount; ++c) {
        const uint64_t freed = arena.counts().of_class(c).freed.load(std::memory_order_relaxed);
        const uint64_t made = arena.counts().of_class(c).made.load(std::memory_order_relaxed);
        collector.to(arena.index(), [&](HeapSnapshot& out) {
            out.large_classes[c].made += made;
            out.large_classes[c].freed += freed;
        });
    }
}

void add_cached(HeapSnapshot& out, unsigned size_class, size_t regions) noexcept {
    out.bins[size_class].cached_regions += regions;
    out.thread_cached += regions * kSizeClasses[size_class].size;
}

/// A large region that a thread keeps freed; to its arena it is live.
void add_kept(HeapSnapshot& out, size_t bytes) noexcept {
    // While threads run, it may have been kept since the arena was asked.
    if (out.large_live == 0 || out.large_allocated < bytes || out.active < bytes)
        return;
    out.large_live -= 1;
    out.large_allocated -= bytes;
    out.active -= bytes;
    out.dirty += bytes;
    ++out.large_classes[large_class_of(bytes)].kept;
}

/// Regions in threads' magazines and outboxes, and in the caches that the program made. They count
/// for the arena that they belong to.
void add_caches(const Collector& collector) noexcept {
    g_heap.threads.for_each_state([&](const ThreadState& state) {
        state.large.for_each([&](size_t, uintptr_t, size_t pages) {
            collector.to(state.arena->index(),
                         [&](HeapSnapshot& out) { add_kept(out, pages << kPageShift); });
        });
        for (unsigned c = 0; c < kSmallClassCount; ++c) {
            const size_t regions = state.cached(c);
            if (regions == 0)
                continue;
            collector.to(state.arena->index(),
                         [&](HeapSnapshot& out) { add_cached(out, c, regions); });
        }
        state.for_each_pending([&](uint32_t arena, unsigned c, size_t regions) {
            collector.to(arena, [&](HeapSnapshot& out) { add_cached(out, c, regions); });
        });
    });
    g_heap.caches.for_each([&](ExplicitCache& cache) {
        cache.for_each_held([&](uint32_t arena, unsigned c, size_t regions) {
            collector.to(arena, [&](HeapSnapshot& out) { add_cached(out, c, regions); });
        });
    });
}

void finish(HeapSnapshot& out) noexcept {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        BinSnapshot& bin = out.bins[c];
        // While threads run, a region may be counted on its way from one place to the other.
        bin.live_regions =
            bin.live_regions > bin.cached_regions ? bin.live_regions - bin.cached_regions : 0;
        out.small_allocated += bin.live_regions * kSizeClasses[c].size;
        out.cached += bin.cached_regions * kSizeClasses[c].size;
        out.small_resident += bin.runs * kSizeClasses[c].run_pages * kPageSize;
    }
    out.active += out.huge_allocated;
    out.allocated = out.small_allocated + out.large_allocated + out.huge_allocated;
    out.active = std::max(out.active, out.allocated);  // V2, while threads run
    out.mapped = out.active + out.dirty + out.muzzy + out.metadata;
    out.resident = out.active + out.dirty + out.muzzy + out.metadata;
}

/// What no arena has.
void add_process(HeapSnapshot& out) noexcept {
    out.zero_reallocs = zero_reallocs();
    const BackgroundSnapshot background = background_snapshot();
    out.background_threads = background.threads;
    out.background_runs = background.runs;
    out.background_interval = background.interval_ns;
    out.dirty += g_heap.source.free_bytes(PageState::dirty);
    out.muzzy += g_heap.source.free_bytes(PageState::muzzy);
    out.retained += g_heap.source.free_bytes(PageState::retained);
    PurgeCounters dirty;
    PurgeCounters muzzy;
    g_heap.source.read_purge_counters(dirty, muzzy);
    add_purges(out, dirty, muzzy);
    size_t spare = 0;
    size_t made = 0;
    g_heap.source.count_extents(spare, made);
    out.spare_extents += spare;
    out.metadata_extents += made * sizeof(Extent);
    out.metadata = g_heap.metadata.bytes_taken();
    out.dirty_decay_ms = g_heap.dirty_decay_ms.load(std::memory_order_relaxed);
    out.muzzy_decay_ms = g_heap.muzzy_decay_ms.load(std::memory_order_relaxed);
}

}  // namespace

void take_snapshots(HeapSnapshot& all, std::span<HeapSnapshot* const> arenas) noexcept {
    const Collector collector(&all, arenas, 0);
    collector.for_each([](HeapSnapshot& out) { out = HeapSnapshot{}; });
    if (ThreadState* state = attached_thread())
        state->post_all();
    g_heap.source.release_kept();  // kept blocks are then free chunks, and counted as such
    const uint64_t now = os::coarse_now_ns();
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i)
        add_arena(*arena_at(i), collector, now);
    add_caches(collector);
    add_process(all);
    collector.for_each(finish);
}

void take_snapshot(HeapSnapshot& out) noexcept { take_snapshots(out, {}); }

bool take_arena_snapshot(unsigned index, HeapSnapshot& out) noexcept {
    out = HeapSnapshot{};
    if (index >= g_heap.threads.arena_count())
        return false;
    if (ThreadState* state = attached_thread())
        state->post_all();
    g_heap.source.release_kept();
    HeapSnapshot* const slot = &out;
    const Collector collector(nullptr, {&slot, 1}, index);
    add_arena(*arena_at(index), collector, os::coarse_now_ns());
    add_caches(collector);
    finish(out);
    return true;
}

namespace {
void add_rows(Arena& arena, PageRowsSnapshot& out) noexcept {
    arena.pages().add_rows(out);
    if (ChunkSource* own = arena.own_source())
        own->add_rows(out);
}
}  // namespace

bool take_page_rows(unsigned index, PageRowsSnapshot& out) noexcept {
    out = PageRowsSnapshot{};
    const uint32_t count = g_heap.threads.arena_count();
    if (index > count)
        return false;
    for (uint32_t i = index == count ? 0 : index; i < count && (index == count || i == index); ++i)
        add_rows(*arena_at(i), out);
    if (index == count)
        g_heap.source.add_rows(out);
    return true;
}

void take_process_locks(ProcessLocks& out) noexcept {
    out.background = background_mutex().counters();
    out.arena_set = g_heap.threads.mutex().counters();
    out.chunk_source = g_heap.source.mutex().counters();
    out.magazine_pool = g_heap.magazines.mutex().counters();
    out.page_map = g_heap.page_map.mutex().counters();
    out.metadata = g_heap.metadata.mutex().counters();
}

void reset_lock_counters() noexcept {
    for (Mutex* mutex : {&background_mutex(), &g_heap.threads.mutex(), &g_heap.source.mutex(),
                         &g_heap.magazines.mutex(), &g_heap.page_map.mutex(),
                         &g_heap.metadata.mutex()}) {
        mutex->reset_counters();
    }
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) {
        Arena& arena = *arena_at(i);
        arena.inbox_mutex().reset_counters();
        arena.pages().mutex().reset_counters();
        for (unsigned c = 0; c < kSmallClassCount; ++c) arena.bin(c).mutex().reset_counters();
    }
}

size_t approximate_active() noexcept {
    size_t bytes = 0;
    for (uint32_t i = 0; i < g_heap.threads.arena_count(); ++i) {
        bytes += arena_at(i)->pages().used_pages() << kPageShift;
        bytes += arena_at(i)->counts().huge_bytes();
    }
    const size_t kept = g_heap.source.kept().pages << kPageShift;
    return bytes > kept ? bytes - kept : 0;
}

}  // namespace granary::core
