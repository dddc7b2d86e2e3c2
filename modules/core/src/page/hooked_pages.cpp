// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// hooked_pages.cpp — taking and giving; hooked_purge.cpp beside it gives pages back to the hooks.
#include "page/hooked_pages.hpp"

#include <algorithm>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "granary/core/extent_hooks.hpp"
#include "page/hooked_flags.hpp"

namespace granary::core {

namespace {

constexpr size_t index_of(PageState state) noexcept { return static_cast<size_t>(state); }

/// What the page map can name.
constexpr size_t kMostChunks = size_t{1} << (detail::kAddressBits - kChunkShift);

HookedPages& pages_of(void* self) noexcept { return *static_cast<HookedPages*>(self); }

/// What the page allocator may ask of a source is purging; everything else is refused.
constexpr os::PageOps kRefusals = {
    .self = nullptr,
    .reserve = [](void*, void*, size_t) noexcept -> void* { return nullptr; },
    .release = [](void*, void*, size_t) noexcept { return false; },
    .commit = [](void*, void*, size_t) noexcept { return false; },
    .decommit = [](void*, void*, size_t) noexcept { return false; },
    .purge_lazy = [](void* self, void* address, size_t size) noexcept {
        return pages_of(self).purge_part(address, size, true);
    },
    .purge_forced = [](void* self, void* address, size_t size) noexcept {
        return pages_of(self).purge_part(address, size, false);
    },
    .hint_huge = [](void*, void*, size_t, bool) noexcept { return false; },
    .is_resident = [](void*, void*) noexcept { return false; },
    .move = [](void*, void*, void*, size_t) noexcept { return false; },
    .map = [](void*, size_t) noexcept -> void* { return nullptr; },
};

}  // namespace

HookedPages::HookedPages(const ExtentOps& ops, MetadataHeap& metadata, PageMap& page_map,
                         uint32_t tag) noexcept
    : ops_(ops), page_ops_(kRefusals), metadata_(metadata), page_map_(page_map), tag_(tag) {
    page_ops_.self = this;
}

bool HookedPages::take(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    if (chunks > kMostChunks)
        return false;
    alignment = std::max(alignment, kChunkSize);
    return take_free(chunks, alignment, out) || take_fresh(chunks, alignment, out);
}

bool HookedPages::take_free(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    for (;;) {
        ScopedLock lock(mutex_);
        Extent* extent = find_locked(chunks, alignment);
        if (extent == nullptr)
            return false;
        Piece piece = unlink_locked(extent);
        lock.release();
        if (!cut(piece, base::align_up(piece.base, alignment), chunks)) {
            piece.whole = true;  // Y3: the next search passes it by
            insert(piece);
            continue;
        }
        if (!piece.committed &&
            !ops_.commit(ops_.self, base::pointer_at(piece.base), piece.bytes())) {  // Y4
            insert(piece);
            return false;
        }
        out = {piece.base, piece.chunks, piece.zeroed};
        return true;
    }
}

/// The smallest piece that holds an aligned range, warm ones first.
Extent* HookedPages::find_locked(size_t chunks, size_t alignment) noexcept {
    Extent* best = nullptr;
    const size_t bytes = chunks << kChunkShift;
    for (ExtentList& list : free_) {
        for (Extent& extent : list) {
            const uintptr_t base = base::align_up(extent.base, alignment);
            if (base + bytes > extent.base + extent.bytes)
                continue;
            if (extent.bytes == bytes)
                return &extent;
            if (!hooked::is_whole(extent) && (best == nullptr || extent.bytes < best->bytes))
                best = &extent;
        }
        if (best != nullptr)
            return best;
    }
    return nullptr;
}

/// Reduces a piece to `chunks` chunks at `base`; the rest goes back into the books.
/// False: the hooks refused; the piece is what it was, or only lost its beginning.
bool HookedPages::cut(Piece& piece, uintptr_t base, size_t chunks) noexcept {
    if (base > piece.base) {
        Piece rest;
        if (!split(piece, (base - piece.base) >> kChunkShift, rest))
            return false;
        insert(piece);
        piece = rest;
    }
    if (piece.chunks > chunks) {
        Piece tail;
        if (!split(piece, chunks, tail))
            return false;
        insert(tail);
    }
    return true;
}

/// Leaves the first `chunks` chunks in `piece` and puts the others into `tail`.
bool HookedPages::split(Piece& piece, size_t chunks, Piece& tail) noexcept {
    const size_t first = chunks << kChunkShift;
    if (!ops_.split(ops_.self, base::pointer_at(piece.base), piece.bytes(), first,
                    piece.committed))
        return false;
    tail = piece;
    tail.base += first;
    tail.chunks -= chunks;
    piece.chunks = chunks;
    return true;
}

bool HookedPages::take_fresh(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    Piece piece;
    piece.chunks = chunks;
    piece.state = PageState::retained;
    void* memory =
        ops_.alloc(ops_.self, piece.bytes(), alignment, &piece.zeroed, &piece.committed);
    if (memory == nullptr)
        return false;
    piece.base = base::address_of(memory) & ~kAllocFlagMask;
    if ((base::address_of(memory) & kAllocFlagPinned) != 0)
        pinned_.store(true, std::memory_order_relaxed);  // Y5
    memory = base::pointer_at(piece.base);
    const bool ready = is_usable(piece.base, piece.bytes(), alignment) &&
                       (piece.committed || ops_.commit(ops_.self, memory, piece.bytes()));
    if (!ready) {
        abandon(piece);
        return false;
    }
    // Where a piece went back to the hooks, marks of old lives were left in the page map.
    for (size_t i = 0; i < chunks; ++i) PageMap::clear_entries(piece.base + (i << kChunkShift), 1);
    out = {piece.base, chunks, piece.zeroed};
    return true;
}

/// True if the page map can describe what the hooks gave, and nobody else has it.
bool HookedPages::is_usable(uintptr_t base, size_t size, size_t alignment) noexcept {
    if (!base::is_aligned(base, alignment) || base + size < base ||
        !page_map_.cover(base, size, metadata_))
        return false;
    for (size_t offset = 0; offset < size; offset += kChunkSize) {
        if (PageMap::chunk_word(base + offset).use != ChunkUse::none)
            return false;
    }
    return true;
}

/// Memory that is not wanted after all: back to the hooks, one way or the other.
void HookedPages::abandon(const Piece& piece) noexcept {
    void* const address = base::pointer_at(piece.base);
    if (!ops_.dalloc(ops_.self, address, piece.bytes(), piece.committed))
        ops_.destroy(ops_.self, address, piece.bytes(), piece.committed);
}

bool HookedPages::take_following(uintptr_t end, size_t chunks, ChunkRange& out) noexcept {
    // The block that is to grow is in the caller's hands.
    const uintptr_t block = PageMap::chunk_extent(end - 1)->base;
    ScopedLock lock(mutex_);
    const ChunkWord word = PageMap::chunk_word(end);
    if (word.use != ChunkUse::free || word.index != tag_)
        return false;
    Extent* extent = PageMap::chunk_extent(end);
    const size_t bytes = chunks << kChunkShift;
    if (extent->base != end || extent->bytes < bytes ||
        (hooked::is_whole(*extent) && extent->bytes != bytes))
        return false;
    Piece piece = unlink_locked(extent);
    lock.release();
    if (!cut(piece, end, chunks)) {
        piece.whole = true;
        insert(piece);
        return false;
    }
    void* const address = base::pointer_at(end);
    const bool ready = piece.committed || ops_.commit(ops_.self, address, piece.bytes());
    piece.committed = ready;
    if (!ready || !ops_.merge(ops_.self, base::pointer_at(block), end - block, address,
                              piece.bytes(), true)) {  // Y2
        insert(piece);
        return false;
    }
    out = {end, chunks, piece.zeroed};
    return true;
}

bool HookedPages::detach_tail(uintptr_t base, size_t chunks, size_t keep) noexcept {
    return ops_.split(ops_.self, base::pointer_at(base), chunks << kChunkShift,
                      keep << kChunkShift, true);
}

void HookedPages::give(uintptr_t base, size_t chunks, bool dirty) noexcept {
    PageMap::clear_chunks(base, chunks);
    Piece piece;
    piece.base = base;
    piece.chunks = chunks;
    piece.state = dirty ? PageState::dirty : PageState::retained;
    piece.zeroed = !dirty;
    insert(piece);
}

void HookedPages::insert(Piece piece) noexcept {
    bool may_join_before = true;
    bool may_join_after = true;
    ScopedLock lock(mutex_);
    while (may_join_before || may_join_after) {
        const bool before = may_join_before;
        Extent* extent = neighbour_locked(before ? piece.base - 1 : piece.end(), piece);
        if (extent == nullptr) {
            (before ? may_join_before : may_join_after) = false;
            continue;
        }
        const Piece other = unlink_locked(extent);
        const Piece& low = before ? other : piece;
        const Piece& high = before ? piece : other;
        lock.release();
        const bool joined =
            ops_.merge(ops_.self, base::pointer_at(low.base), low.bytes(),
                       base::pointer_at(high.base), high.bytes(), piece.committed);
        lock.reacquire();
        if (joined) {
            piece.zeroed = low.zeroed && high.zeroed;
            piece.whole = false;
            piece.base = low.base;
            piece.chunks = low.chunks + high.chunks;
        } else {
            link_locked(other);
            (before ? may_join_before : may_join_after) = false;
        }
    }
    link_locked(piece);
}

/// A free piece of ours at this address that is of the same kind; nullptr if there is none.
Extent* HookedPages::neighbour_locked(uintptr_t address, const Piece& piece) noexcept {
    const ChunkWord word = PageMap::chunk_word(address);
    if (word.use != ChunkUse::free || word.index != tag_)  // Y1
        return nullptr;
    Extent* extent = PageMap::chunk_extent(address);
    const bool alike = extent->state == piece.state &&
                       hooked::is_committed(*extent) == piece.committed;
    return alike ? extent : nullptr;
}

HookedPages::Piece HookedPages::unlink_locked(Extent* extent) noexcept {
    Piece piece;
    piece.base = extent->base;
    piece.chunks = extent->bytes >> kChunkShift;
    piece.state = extent->state;
    piece.zeroed = hooked::is_zeroed(*extent);
    piece.committed = hooked::is_committed(*extent);
    piece.whole = hooked::is_whole(*extent);
    free_[index_of(piece.state)].erase(*extent);
    free_chunks_[index_of(piece.state)] -= piece.chunks;
    extents_.give(extent);
    PageMap::set_chunk(piece.base, {}, nullptr);
    PageMap::set_chunk(piece.end() - kChunkSize, {}, nullptr);
    return piece;
}

void HookedPages::link_locked(const Piece& piece) noexcept {
    Extent* extent = extents_.take(metadata_);
    if (extent == nullptr)
        return;  // no room for a descriptor: the chunks are lost to us, and to nobody else
    *extent = Extent{};
    extent->base = piece.base;
    extent->bytes = piece.bytes();
    extent->kind = ExtentKind::free_chunks;
    extent->state = piece.state;
    hooked::set_flags(*extent, piece.zeroed, piece.committed, piece.whole);
    // The newest first: it is the warmest.
    free_[index_of(piece.state)].push_front(*extent);
    free_chunks_[index_of(piece.state)] += piece.chunks;
    PageMap::set_chunk(piece.base, {ChunkUse::free, 0, tag_}, extent);
    PageMap::set_chunk(piece.end() - kChunkSize, {ChunkUse::free, 0, tag_}, extent);
}

void HookedPages::check_invariants() noexcept {
    ScopedLock lock(mutex_);
    for (size_t s = 0; s < kPageStates; ++s) {
        size_t chunks = 0;
        for (Extent& extent : free_[s]) {
            chunks += extent.bytes >> kChunkShift;
            GRANARY_CHECK(index_of(extent.state) == s, "hooked pages: state of a piece [Y1]");
            for (const uintptr_t at : {extent.base, extent.base + extent.bytes - 1}) {
                const ChunkWord word = PageMap::chunk_word(at);
                GRANARY_CHECK(word.use == ChunkUse::free && word.index == tag_ &&
                                  PageMap::chunk_extent(at) == &extent,
                              "hooked pages: words of a piece [Y1]");
            }
            GRANARY_CHECK(hooked::is_committed(extent) || extent.state == PageState::retained,
                          "hooked pages: uncommitted piece [Y4]");
        }
        GRANARY_CHECK(chunks == free_chunks_[s], "hooked pages: chunk count [Y1]");
    }
}

}  // namespace granary::core
