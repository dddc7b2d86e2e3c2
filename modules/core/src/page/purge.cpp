// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// purge.cpp — PageAllocator: giving unused pages back to the kernel.
//
//   used=0 touched=1 muzzy=0  dirty    ──purge_lazy──▸   muzzy=1  muzzy
//                                └──────purge_forced──▸  touched=0  retained
//
// Pages being purged are marked used meanwhile, so that nobody hands them out.
#include <algorithm>

#include <granary/base/bits.hpp>

#include "page/page_allocator.hpp"
#include "page/page_class.hpp"

namespace granary::core {

namespace {

/// Keeps only whole kernel pages of which every granary page is free: with 16 or 64 KiB pages the
/// kernel cannot drop less.
PageBits whole_os_pages(const PageBits& wanted, const PageBits& used,
                        size_t pages_per_os_page) noexcept {
    if (pages_per_os_page == 1)
        return wanted;
    PageBits result;
    for (size_t first = 0; first < kChunkPages; first += pages_per_os_page) {
        if (wanted.any_in_range(first, pages_per_os_page) &&
            used.none_in_range(first, pages_per_os_page)) {
            result.set_range(first, pages_per_os_page);
        }
    }
    return result;
}

/// The last (highest) bits of `bits`, at most `count` of them.
PageBits last_bits(const PageBits& bits, size_t count) noexcept {
    size_t surplus = bits.count();
    surplus = surplus > count ? surplus - count : 0;
    PageBits result = bits;
    while (surplus > 0) {
        const size_t first = result.find_first_set();
        const size_t row = std::min(result.find_first_clear(first) - first, surplus);
        result.clear_range(first, row);
        surplus -= row;
    }
    return result;
}

/// A purge of fewer pages than this is not worth its system call.
constexpr size_t kLeastPurge = 16;

}  // namespace

void PageAllocator::set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    dirty_decay_.set_time(dirty_ms, now_ns);
    muzzy_decay_.set_time(muzzy_ms, now_ns);
}

void PageAllocator::read_decay(int64_t& dirty_ms, int64_t& muzzy_ms) noexcept {
    ScopedLock lock(mutex_);
    dirty_ms = dirty_decay_.milliseconds();
    muzzy_ms = muzzy_decay_.milliseconds();
}

void PageAllocator::set_one_decay(DecayKind kind, int64_t ms, uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    (kind == DecayKind::dirty ? dirty_decay_ : muzzy_decay_).set_time(ms, now_ns);
}

void PageAllocator::decay(uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    const size_t dirty = dirty_.load(std::memory_order_relaxed);
    const size_t muzzy = muzzy_.load(std::memory_order_relaxed);
    const size_t keep_dirty = dirty_decay_.limit(now_ns, dirty);
    const size_t keep_muzzy = muzzy_decay_.limit(now_ns, muzzy);
    const bool lazily = muzzy_decay_.milliseconds() != 0;
    lock.release();
    if (keep_muzzy < muzzy)
        purge_to(PageState::muzzy, keep_muzzy, false);
    if (keep_dirty < dirty)
        purge_to(PageState::dirty, keep_dirty, lazily);
}

size_t PageAllocator::purge() noexcept {
    const size_t pages =
        purge_to(PageState::dirty, 0, false) + purge_to(PageState::muzzy, 0, false);
    release_empty_chunk();  // nothing is left to keep it for
    return pages << kPageShift;
}

void PageAllocator::release_empty_chunk() noexcept {
    ScopedLock lock(mutex_);
    Chunk* empty = empty_;
    if (empty != nullptr) {
        unfile_locked(*empty);
        --chunks_;
    }
    lock.release();
    give_back(empty);
}

size_t PageAllocator::purge_to(PageState from, size_t keep_pages, bool lazily) noexcept {
    std::atomic<size_t>& count = from == PageState::dirty ? dirty_ : muzzy_;
    size_t purged = 0;
    ScopedLock lock(mutex_);
    ++(from == PageState::dirty ? dirty_purges_ : muzzy_purges_).passes;
    // The emptiest chunks first: a whole huge page is worth more than its parts.
    for (size_t b = kBuckets; b-- > 0 && count.load(std::memory_order_relaxed) > keep_pages;) {
        // Purging refiles a chunk in the same bucket, so a fixed number of rounds sees each once.
        size_t rounds = 0;
        for ([[maybe_unused]] Chunk& chunk : buckets_[b]) ++rounds;
        while (rounds-- > 0 && count.load(std::memory_order_relaxed) > keep_pages) {
            Chunk* chunk = buckets_[b].front();
            if (chunk == nullptr)
                break;
            const size_t excess = count.load(std::memory_order_relaxed) - keep_pages;
            const ChunkPurge purge =
                purge_chunk_locked(lock, *chunk, from, std::max(excess, kLeastPurge), lazily);
            purged += purge.pages;
            // To the back, whether or not there was something to purge.
            if (!purge.chunk_left && chunk->longest_free != 0 &&
                page_class_floor(chunk->longest_free) == b) {
                buckets_[b].erase(*chunk);
                buckets_[b].push_back(*chunk);
            }
        }
    }
    return purged;
}

/// Purges up to about `wanted` pages of one state in one chunk, the highest ones. Releases the
/// lock around the system calls.
PageAllocator::ChunkPurge PageAllocator::purge_chunk_locked(ScopedLock& lock, Chunk& chunk,
                                                            PageState from, size_t wanted,
                                                            bool lazily) noexcept {
    const PageBits candidates = from == PageState::dirty ? chunk.dirty_bits() : chunk.muzzy;
    const PageBits pages =
        whole_os_pages(last_bits(candidates, wanted), chunk.used, os::page_size() / kPageSize);
    const size_t count = pages.count();
    if (count == 0)
        return {0, false};
    const PageBits was_muzzy = bit_and(chunk.muzzy, pages);
    unfile_locked(chunk);
    chunk.used = bit_or(chunk.used, pages);
    chunk.muzzy = and_not(chunk.muzzy, pages);
    chunk.free_pages -= static_cast<uint32_t>(count);
    count_used(count);
    count_unused_locked(chunk);
    refile_locked(chunk);
    const os::PageOps& ops = source().ops();
    PageBits done;
    uint64_t calls = 0;
    purging_.fetch_add(1, std::memory_order_relaxed);
    lock.release();
    for_each_row(pages, [&](PageRow row) {
        void* address = base::pointer_at(chunk.base + (row.first << kPageShift));
        const size_t size = row.count << kPageShift;
        ++calls;
        const bool ok = lazily ? ops.purge_lazy(ops.self, address, size)
                               : ops.purge_forced(ops.self, address, size);
        if (ok)
            done.set_range(row.first, row.count);
        return true;
    });
    lock.reacquire();
    purging_.fetch_sub(1, std::memory_order_relaxed);
    unfile_locked(chunk);
    chunk.used = and_not(chunk.used, pages);
    chunk.free_pages += static_cast<uint32_t>(count);
    count_used(0 - count);
    if (lazily) {
        chunk.muzzy = bit_or(chunk.muzzy, bit_and(done, chunk.touched));
    } else {
        chunk.touched = and_not(chunk.touched, done);
    }
    chunk.muzzy = bit_or(chunk.muzzy, and_not(was_muzzy, done));
    count_unused_locked(chunk);
    PurgeCounters& counters = from == PageState::dirty ? dirty_purges_ : muzzy_purges_;
    counters.calls += calls;
    counters.pages += done.count();
    // Everything else may have been freed meanwhile.
    if (chunk.free_pages == kChunkPages && empty_ != nullptr) {  // G3
        --chunks_;
        lock.release();
        give_back(&chunk);
        lock.reacquire();
        return {done.count(), true};
    }
    refile_locked(chunk);
    return {done.count(), false};
}

void PageAllocator::read_purge_counters(PurgeCounters& dirty, PurgeCounters& muzzy) noexcept {
    ScopedLock lock(mutex_);
    dirty = dirty_purges_;
    muzzy = muzzy_purges_;
}

}  // namespace granary::core
