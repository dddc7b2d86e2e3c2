// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// hooked_purge.cpp — HookedPages: decay, purges, the end.
//
//   dirty ──purge_lazy──▸ muzzy        one after the other, whoever does not refuse:
//     └───────┴──▸ dalloc: gone  ▸ decommit: retained  ▸ purge_forced: retained, zero
//                  ▸ none: retained all the same, so that nobody is asked again and again
//   Of pinned memory nobody is asked at all (Y5).
#include <algorithm>

#include <granary/base/bits.hpp>

#include "page/hooked_pages.hpp"

namespace granary::core {

namespace {
constexpr size_t index_of(PageState state) noexcept { return static_cast<size_t>(state); }
}  // namespace

void HookedPages::set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    dirty_decay_.set_time(dirty_ms, now_ns);
    muzzy_decay_.set_time(muzzy_ms, now_ns);
}

void HookedPages::decay(uint64_t now_ns) noexcept {
    ScopedLock lock(mutex_);
    auto chunks_to_keep = [now_ns](Decay& decay, size_t chunks) {
        return decay.limit(now_ns, chunks * kChunkPages, kChunkPages) / kChunkPages;
    };
    const size_t dirty = free_chunks_[index_of(PageState::dirty)];
    const size_t muzzy = free_chunks_[index_of(PageState::muzzy)];
    const size_t keep = chunks_to_keep(dirty_decay_, dirty);
    const size_t keep_muzzy = chunks_to_keep(muzzy_decay_, muzzy);
    const bool lazily = muzzy_decay_.milliseconds() != 0;
    lock.release();
    if (keep_muzzy < muzzy)
        purge_to(PageState::muzzy, keep_muzzy, false);
    if (keep < dirty)
        purge_to(PageState::dirty, keep, lazily);
}

size_t HookedPages::purge() noexcept {
    return purge_to(PageState::dirty, 0, false) + purge_to(PageState::muzzy, 0, false);
}

size_t HookedPages::purge_to(PageState from, size_t keep_chunks, bool lazily) noexcept {
    size_t purged = 0;
    ScopedLock lock(mutex_);
    PurgeCounters& counters = from == PageState::dirty ? dirty_purges_ : muzzy_purges_;
    ++counters.passes;
    for (;;) {
        const size_t unused = free_chunks_[index_of(from)];
        // Whole pieces only, since a part would have to be split off; the coldest that fits.
        Extent* coldest = nullptr;
        for (Extent& extent : free_[index_of(from)]) {
            if (unused - std::min(keep_chunks, unused) >= extent.bytes >> kChunkShift)
                coldest = &extent;
        }
        if (coldest == nullptr)
            return purged;
        Piece piece = unlink_locked(coldest);
        ++counters.calls;
        counters.pages += piece.bytes() >> kPageShift;
        lock.release();
        if (lazily && !pinned_.load(std::memory_order_relaxed) &&
            ops_.purge_lazy(ops_.self, base::pointer_at(piece.base), piece.bytes(), 0,
                            piece.bytes())) {
            piece.state = PageState::muzzy;
            insert(piece);
        } else {
            dispose(piece);
        }
        purged += piece.bytes();
        lock.reacquire();
    }
}

/// Gives the memory of a piece back as far as the hooks let it.
void HookedPages::dispose(Piece piece) noexcept {
    void* const address = base::pointer_at(piece.base);
    if (pinned_.load(std::memory_order_relaxed)) {
        piece.state = PageState::retained;
        piece.zeroed = false;
        return insert(piece);
    }
    if (ops_.dalloc(ops_.self, address, piece.bytes(), piece.committed))
        return;
    piece.state = PageState::retained;
    if (ops_.decommit(ops_.self, address, piece.bytes())) {
        piece.committed = false;
        piece.zeroed = false;
    } else {
        piece.zeroed = ops_.purge_forced(ops_.self, address, piece.bytes(), 0, piece.bytes());
    }
    insert(piece);
}

void HookedPages::surrender() noexcept {
    ScopedLock lock(mutex_);
    for (ExtentList& list : free_) {
        while (Extent* extent = list.front()) {
            const Piece piece = unlink_locked(extent);
            lock.release();
            abandon(piece);
            lock.reacquire();
        }
    }
}

bool HookedPages::purge_part(void* address, size_t size, bool lazily) noexcept {
    if (pinned_.load(std::memory_order_relaxed))
        return false;
    // A chunk in the page allocator's hands is an extent (Y2).
    const uintptr_t at = base::address_of(address);
    const uintptr_t chunk = base::align_down(at, kChunkSize);
    const auto purge = lazily ? ops_.purge_lazy : ops_.purge_forced;
    return purge(ops_.self, base::pointer_at(chunk), kChunkSize, at - chunk, size);
}

size_t HookedPages::free_bytes(PageState state) noexcept {
    ScopedLock lock(mutex_);
    return free_chunks_[index_of(state)] << kChunkShift;
}

bool HookedPages::has_unpurged() noexcept {
    return free_bytes(PageState::dirty) + free_bytes(PageState::muzzy) != 0;
}

void HookedPages::read_purge_counters(PurgeCounters& dirty, PurgeCounters& muzzy) noexcept {
    ScopedLock lock(mutex_);
    dirty = dirty_purges_;
    muzzy = muzzy_purges_;
}

}  // namespace granary::core
