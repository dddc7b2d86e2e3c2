// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_rows.cpp — unused pages by the length of their rows: what fragmentation looks like.
//
// Locking     The holder's lock, for as long as its chunks are walked.
// Cost        O(chunks); only when somebody asks.
#include "page/chunk_source.hpp"
#include "page/page_allocator.hpp"

namespace granary::core {

namespace {

/// The largest page class that is not longer than the row.
PageRowsSnapshot::Counts& class_of_row(PageRowsSnapshot& out, size_t bytes) noexcept {
    return out.classes[page_class_of(bytes + 1) - 1];
}

}  // namespace

void PageAllocator::add_rows(PageRowsSnapshot& out) noexcept {
    ScopedLock lock(mutex_);
    // Chunks in full_ have no unused pages.
    for (ChunkList& bucket : buckets_) {
        for (Chunk& chunk : bucket) {
            const auto visit = [&](const PageBits& bits, size_t PageRowsSnapshot::Counts::*rows,
                                   size_t PageRowsSnapshot::Counts::*bytes) {
                for_each_row(bits, [&](PageRow row) {
                    const size_t length = row.count << kPageShift;
                    PageRowsSnapshot::Counts& counts = class_of_row(out, length);
                    ++(counts.*rows);
                    counts.*bytes += length;
                    return true;
                });
            };
            using Counts = PageRowsSnapshot::Counts;
            visit(chunk.dirty_bits(), &Counts::dirty, &Counts::dirty_bytes);
            visit(chunk.muzzy, &Counts::muzzy, &Counts::muzzy_bytes);
            visit(and_not(bit_not(chunk.used), chunk.touched), &Counts::retained,
                  &Counts::retained_bytes);
        }
    }
}

void ChunkSource::add_rows(PageRowsSnapshot& out) noexcept {
    ScopedLock lock(mutex_);
    release_kept_locked();
    const auto visit = [&](PageState state, size_t PageRowsSnapshot::Counts::*rows,
                           size_t PageRowsSnapshot::Counts::*bytes) {
        for (ExtentList& bucket : free_[static_cast<size_t>(state)].buckets) {
            for (Extent& range : bucket) {
                PageRowsSnapshot::Counts& counts = class_of_row(out, range.bytes);
                ++(counts.*rows);
                counts.*bytes += range.bytes;
            }
        }
    };
    using Counts = PageRowsSnapshot::Counts;
    visit(PageState::dirty, &Counts::dirty, &Counts::dirty_bytes);
    visit(PageState::muzzy, &Counts::muzzy, &Counts::muzzy_bytes);
    visit(PageState::retained, &Counts::retained, &Counts::retained_bytes);
}

void ChunkSource::count_extents(size_t& spare, size_t& made) noexcept {
    ScopedLock lock(mutex_);
    spare = extents_.spare();
    made = extents_.made();
}

}  // namespace granary::core
