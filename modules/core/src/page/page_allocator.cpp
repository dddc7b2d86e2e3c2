// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_allocator.cpp — choosing pages; purge.cpp beside it gives them back.
#include "page/page_allocator.hpp"

#include <algorithm>
#include <bit>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "meta/page_map.hpp"
#include "page/page_class.hpp"

namespace granary::core {

Extent* PageAllocator::allocate(size_t pages, size_t alignment, TouchedPages* touched,
                                Growth growth) noexcept {
    // A row this long holds an aligned one wherever it starts; an entirely free chunk always does.
    const size_t sufficient = std::min(pages + alignment - 1, kChunkPages);
    ScopedLock lock(mutex_);
    Chunk* chunk = choose_locked(sufficient);
    while (chunk == nullptr) {
        lock.release();
        if (growth == Growth::forbidden || !grow())
            return nullptr;
        lock.reacquire();
        chunk = choose_locked(sufficient);  // another thread of a shared arena may have been faster
    }
    Extent* extent = extents_.take(metadata_);
    if (extent == nullptr)
        return nullptr;
    const PageRow row = place(*chunk, pages, alignment);
    GRANARY_ASSERT(row.count >= pages, "K3");
    occupy_locked(*chunk, {row.first, pages}, touched);
    *extent = Extent{};
    extent->base = chunk->base + (row.first << kPageShift);
    extent->bytes = pages << kPageShift;
    extent->chunk = chunk;
    extent->arena = arena_;
    extent->bucket = kNoBucket;
    return extent;
}

Chunk* PageAllocator::choose_locked(size_t pages) noexcept {
    const size_t exact = page_class_ceil(pages);
    const size_t below = page_class_floor(pages);
    if (below != exact) {
        Chunk* chunk = buckets_[below].front();
        if (chunk != nullptr && chunk->longest_free >= pages)
            return chunk;
    }
    const uint32_t candidates = exact < kBuckets ? nonempty_ & (~uint32_t{0} << exact) : 0;
    return candidates == 0 ? nullptr
                           : buckets_[static_cast<size_t>(std::countr_zero(candidates))].front();
}

/// Best fit among the rows, resident pages first, then lowest address.
PageRow PageAllocator::place(const Chunk& chunk, size_t pages, size_t alignment) noexcept {
    PageRow best;
    auto consider = [&](const PageBits& bits) {
        for_each_row(bits, [&](PageRow row) {
            const size_t first = base::align_up(row.first, alignment);
            if (first + pages <= row.first + row.count &&
                (best.count == 0 || row.count < best.count)) {
                best = {first, row.count};
            }
            return best.count != pages;
        });
    };
    if (chunk.dirty_pages >= pages)
        consider(and_not(chunk.touched, chunk.used));
    if (best.count == 0)
        consider(bit_not(chunk.used));
    return best;
}

bool PageAllocator::grow() noexcept {
    ChunkRange range;
    if (!source().take(1, kChunkSize, range))
        return false;
    // With huge pages the first touch makes the whole chunk resident: its unused pages are dirty.
    const bool dirty =
        !range.zeroed || (wants_huge_pages() && source().back_with_huge_pages(range.base, 1));
    ScopedLock lock(mutex_);
    if (empty_ != nullptr) {  // another thread of a shared arena was faster (G3)
        lock.release();
        source().give(range.base, 1, dirty);
        return true;
    }
    Chunk* chunk = spare_chunks_.front();
    if (chunk != nullptr) {
        spare_chunks_.erase(*chunk);
    } else {
        chunk = metadata_.make<Chunk>();
    }
    if (chunk == nullptr) {
        lock.release();
        source().give(range.base, 1, dirty);
        return false;
    }
    *chunk = Chunk{};
    chunk->base = range.base;
    chunk->free_pages = kChunkPages;
    chunk->longest_free = kChunkPages;
    if (dirty)
        chunk->touched.set_all();
    count_unused_locked(*chunk);
    PageMap::set_chunk(range.base, {ChunkUse::pages, 0, 0}, nullptr);
    ++chunks_;
    refile_locked(*chunk);
    return true;
}

/// A chunk more for an arena that has used up nearly all of several ones will soon be used up, too;
/// small programs never get here, and what is resident before it is used stays a small part.
bool PageAllocator::wants_huge_pages() noexcept {
    ScopedLock lock(mutex_);
    return chunks_ >= kChunksBeforeHuge && dirty_decay_.milliseconds() != 0 &&
           used_pages_ >= chunks_ * (kChunkPages - kChunkPages / 10);
}

void PageAllocator::occupy_locked(Chunk& chunk, PageRow row, TouchedPages* touched) noexcept {
    if (touched != nullptr)
        *touched = {chunk.touched, row.first};
    unfile_locked(chunk);
    const size_t muzzy = chunk.muzzy.count_range(row.first, row.count);
    chunk.dirty_pages -=
        static_cast<uint32_t>(chunk.touched.count_range(row.first, row.count) - muzzy);
    chunk.muzzy_pages -= static_cast<uint32_t>(muzzy);
    const bool shortens_longest = free_row_around(chunk, row) == chunk.longest_free;
    chunk.used.set_range(row.first, row.count);
    chunk.muzzy.clear_range(row.first, row.count);
    chunk.free_pages -= static_cast<uint32_t>(row.count);
    count_used(row.count);
    if (shortens_longest)
        chunk.longest_free = longest_free_row(chunk);
    refile_locked(chunk);
}

Chunk* PageAllocator::vacate_locked(Chunk& chunk, PageRow row, size_t touched_pages) noexcept {
    unfile_locked(chunk);
    chunk.used.clear_range(row.first, row.count);
    chunk.touched.set_range(row.first, touched_pages);
    chunk.free_pages += static_cast<uint32_t>(row.count);
    count_used(0 - row.count);
    if (chunk.free_pages == kChunkPages && empty_ != nullptr && empty_ != &chunk) {  // G3
        --chunks_;
        return &chunk;
    }
    chunk.dirty_pages += static_cast<uint32_t>(chunk.touched.count_range(row.first, row.count));
    chunk.longest_free =
        std::max(chunk.longest_free, static_cast<uint32_t>(free_row_around(chunk, row)));
    refile_locked(chunk);
    return nullptr;
}

void PageAllocator::give_back(Chunk* chunk) noexcept {
    if (chunk == nullptr)
        return;
    const uintptr_t base = chunk->base;
    const bool dirty = chunk->touched.any();
    PageMap::clear_entries(base, kChunkPages);  // freed marks of the old life
    {
        ScopedLock lock(mutex_);
        chunk->link = {};
        spare_chunks_.push_front(*chunk);
    }
    source().give(base, 1, dirty);
}

void PageAllocator::release(Extent* extent, size_t touched_pages) noexcept {
    ScopedLock lock(mutex_);
    Chunk& chunk = *extent->chunk;
    const PageRow row{(extent->base - chunk.base) >> kPageShift, extent->bytes >> kPageShift};
    Chunk* surplus = vacate_locked(chunk, row, touched_pages);
    extents_.give(extent);
    lock.release();
    give_back(surplus);
}

bool PageAllocator::extend(Extent* extent, size_t pages) noexcept {
    ScopedLock lock(mutex_);
    Chunk& chunk = *extent->chunk;
    const size_t old_pages = extent->bytes >> kPageShift;
    const size_t first = ((extent->base - chunk.base) >> kPageShift) + old_pages;
    const size_t more = pages - old_pages;
    if (first + more > kChunkPages || chunk.used.any_in_range(first, more))
        return false;
    occupy_locked(chunk, {first, more}, nullptr);
    extent->bytes = pages << kPageShift;
    return true;
}

void PageAllocator::trim(Extent* extent, size_t pages) noexcept {
    ScopedLock lock(mutex_);
    Chunk& chunk = *extent->chunk;
    const size_t old_pages = extent->bytes >> kPageShift;
    const size_t first = ((extent->base - chunk.base) >> kPageShift) + pages;
    extent->bytes = pages << kPageShift;
    // The region itself stays, so the chunk cannot become empty and surplus.
    vacate_locked(chunk, {first, old_pages - pages}, old_pages - pages);
}

void PageAllocator::unfile_locked(Chunk& chunk) noexcept {
    dirty_.store(dirty_.load(std::memory_order_relaxed) - chunk.dirty_pages,
                 std::memory_order_relaxed);
    muzzy_.store(muzzy_.load(std::memory_order_relaxed) - chunk.muzzy_pages,
                 std::memory_order_relaxed);
    if (empty_ == &chunk)
        empty_ = nullptr;
    if (chunk.longest_free == 0) {
        full_.erase(chunk);
        return;
    }
    const size_t bucket = page_class_floor(chunk.longest_free);
    buckets_[bucket].erase(chunk);
    if (buckets_[bucket].empty())
        nonempty_ &= ~(uint32_t{1} << bucket);
}

void PageAllocator::refile_locked(Chunk& chunk) noexcept {
    dirty_.store(dirty_.load(std::memory_order_relaxed) + chunk.dirty_pages,
                 std::memory_order_relaxed);
    muzzy_.store(muzzy_.load(std::memory_order_relaxed) + chunk.muzzy_pages,
                 std::memory_order_relaxed);
    if (chunk.free_pages == kChunkPages)
        empty_ = &chunk;
    const uint32_t longest = chunk.longest_free;
    if (longest == 0) {
        full_.push_front(chunk);
        return;
    }
    const size_t bucket = page_class_floor(longest);
    // The fuller of two chunks serves first, so that the emptier one may drain.
    Chunk* head = buckets_[bucket].front();
    if (head != nullptr && head->free_pages < chunk.free_pages) {
        buckets_[bucket].push_back(chunk);
    } else {
        buckets_[bucket].push_front(chunk);
    }
    nonempty_ |= uint32_t{1} << bucket;
}

/// Recounts what the chunk says of its unused pages (G2, K3); the sums are adjusted by unfile and
/// refile.
void PageAllocator::count_unused_locked(Chunk& chunk) noexcept {
    chunk.longest_free = longest_free_row(chunk);
    chunk.muzzy_pages = static_cast<uint32_t>(chunk.muzzy.count());
    chunk.dirty_pages =
        static_cast<uint32_t>(and_not(chunk.touched, chunk.used).count()) - chunk.muzzy_pages;
}

PageCounts PageAllocator::counts() noexcept {
    ScopedLock lock(mutex_);
    PageCounts counts;
    counts.active = used_pages();
    counts.dirty = dirty_.load(std::memory_order_relaxed);
    counts.muzzy = muzzy_.load(std::memory_order_relaxed);
    counts.retained = chunks_ * kChunkPages - counts.active - counts.dirty - counts.muzzy;
    counts.spare_extents = extents_.spare();
    counts.extents_made = extents_.made();
    counts.dirty_decay_ms = dirty_decay_.milliseconds();
    counts.muzzy_decay_ms = muzzy_decay_.milliseconds();
    counts.lock = mutex_.counters();
    return counts;
}

void PageAllocator::check_invariants() noexcept {
    ScopedLock lock(mutex_);
    size_t dirty = 0;
    size_t muzzy = 0;
    size_t used = 0;
    size_t chunks = 0;
    auto check = [&](Chunk& chunk, size_t bucket) {
        GRANARY_CHECK(bit_and(chunk.muzzy, chunk.used).none(),
                      "page allocator: used muzzy page [K1]");
        GRANARY_CHECK(and_not(chunk.muzzy, chunk.touched).none(),
                      "page allocator: untouched muzzy page [K1]");
        GRANARY_CHECK(chunk.free_pages == kChunkPages - chunk.used.count(),
                      "page allocator: free pages [K3]");
        GRANARY_CHECK(chunk.longest_free == longest_free_row(chunk),
                      "page allocator: longest free row [K3]");
        GRANARY_CHECK(chunk.dirty_pages == chunk.dirty_bits().count(),
                      "page allocator: dirty pages [G2]");
        const size_t expected =
            chunk.longest_free == 0 ? kBuckets : page_class_floor(chunk.longest_free);
        GRANARY_CHECK(expected == bucket, "page allocator: bucket [G1]");
        GRANARY_CHECK((chunk.free_pages == kChunkPages) == (&chunk == empty_),
                      "page allocator: empty chunk [G3]");
        dirty += chunk.dirty_pages;
        muzzy += chunk.muzzy_pages;
        used += chunk.used.count();
        ++chunks;
    };
    for (size_t b = 0; b < kBuckets; ++b) {
        GRANARY_CHECK(buckets_[b].empty() == ((nonempty_ >> b & 1) == 0),
                      "page allocator: bucket mask [G1]");
        for (Chunk& chunk : buckets_[b]) check(chunk, b);
    }
    for (Chunk& chunk : full_) check(chunk, kBuckets);
    GRANARY_CHECK(dirty == dirty_.load(std::memory_order_relaxed),
                  "page allocator: dirty sum [G2]");
    GRANARY_CHECK(muzzy == muzzy_.load(std::memory_order_relaxed),
                  "page allocator: muzzy sum [G2]");
    GRANARY_CHECK(used == used_pages() && chunks == chunks_, "page allocator: used pages [G2]");
}

}  // namespace granary::core
