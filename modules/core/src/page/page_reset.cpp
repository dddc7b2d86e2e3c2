// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_reset.cpp — PageAllocator: everything given back at once, live or not.
#include <granary/base/bits.hpp>
#include <granary/os/cpu.hpp>

#include "meta/page_map.hpp"
#include "page/page_allocator.hpp"

namespace granary::core {

namespace {

/// Hands the descriptors of everything in a chunk to `out`.
void collect_extents(Chunk& chunk, ExtentList& out) noexcept {
    // Used pages are runs and large regions, end to end (P1: the first page has the extent); and in a
    // forked child, what a thread that is gone was about to describe, where the page map may still
    // name a descriptor that has another use, or none, by now. It is lost to the child, the pages are not.
    for (size_t page = chunk.used.find_first_set(); page < kChunkPages;
         page = page < kChunkPages ? chunk.used.find_first_set(page) : page) {
        const uintptr_t address = chunk.base + (page << kPageShift);
        Extent* extent = PageMap::extent_at(address);
        const bool is_described =
            extent != nullptr && extent->base == address && extent->chunk == &chunk &&
            (extent->kind == ExtentKind::run || extent->kind == ExtentKind::large);
        if (!is_described) {
            ++page;
            continue;
        }
        page += extent->bytes >> kPageShift;
        extent->link = {};
        out.push_front(*extent);
    }
}

}  // namespace

void PageAllocator::drop_all() noexcept {
    ScopedLock lock(mutex_);
    // Pages that are being purged look used, and their purger comes back to its chunk.
    while (purging_.load(std::memory_order_relaxed) != 0) {
        lock.release();
        os::cpu_relax();
        lock.reacquire();
    }
    ChunkList dropped;
    const auto drop = [&](ChunkList& list) {
        while (Chunk* chunk = list.front()) {
            unfile_locked(*chunk);
            chunk->link = {};
            dropped.push_front(*chunk);
            --chunks_;
            count_used(0 - chunk->used.count());
        }
    };
    for (ChunkList& bucket : buckets_) drop(bucket);
    drop(full_);
    ExtentList extents;
    for (Chunk& chunk : dropped) collect_extents(chunk, extents);
    while (Extent* extent = extents.pop_front()) extents_.give(extent);
    lock.release();
    while (Chunk* chunk = dropped.front()) {
        dropped.erase(*chunk);
        chunk->touched = bit_or(chunk->touched, chunk->used);
        give_back(chunk);
    }
}

}  // namespace granary::core
