// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge.cpp — blocks of whole chunks: usable to the page, moved by their page tables.
//
// Invariants  U1  a block's chunk words count its usable pages: chunk i has all 512 but the last,
//                 which has the rest. Its first page's entry is a head; the others' are 0.
//             U2  new addresses are published before the old ones can be reused.
#include <algorithm>
#include <cstring>

#include <granary/base/bits.hpp>

#include "heap/heap_state.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

void publish_head(Extent* extent) noexcept {
    PageMap::set_head(extent, detail::owner_key(extent->arena), detail::kHugeHead);
}

/// Where the chunks of an arena's blocks come from.
ChunkSource& source_of(const Extent& extent) noexcept {
    return arena_at(extent.arena)->pages().source();
}

/// Q1 of explicit_part.hpp.
void list_block(Arena& arena, Extent& extent) noexcept {
    if (!arena.is_explicit())
        return;
    ScopedLock lock(arena.explicit_part().huge_mutex);
    arena.explicit_part().huge.push_front(extent);
}
void unlist_block(Arena& arena, Extent& extent) noexcept {
    if (!arena.is_explicit())
        return;
    ScopedLock lock(arena.explicit_part().huge_mutex);
    arena.explicit_part().huge.erase(extent);
}

/// Chunks and a descriptor for a block of an arena; nullptr: nothing has changed.
Extent* take_block(Arena& arena, size_t chunks, size_t alignment, ChunkRange& range) noexcept {
    ChunkSource* const own = arena.own_source();
    if (GRANARY_LIKELY(own == nullptr))
        return g_heap.source.take_block(chunks, alignment, range);
    Extent* const extent = g_heap.source.make_extent();
    if (extent != nullptr && !own->take(chunks, alignment, range)) {
        g_heap.source.discard_extent(extent);
        return nullptr;
    }
    return extent;
}

/// Asks for huge pages in the fresh part [base, base + bytes) of a block, the last chunk too if the
/// block has half of it.
void hint_fresh(ChunkSource& source, uintptr_t base, size_t bytes) noexcept {
    source.back_with_huge_pages(base, (bytes + kChunkSize / 2) >> kChunkShift);
}

/// Moves [from, from + size) to `to` by page tables, piece by piece where the kernel does not move
/// several mappings at once, and what it refuses by copying. @return whether anything was copied.
bool move_chunks(const os::PageOps& ops, uintptr_t from, uintptr_t to, size_t size) noexcept {
    if (ops.move(ops.self, base::pointer_at(from), base::pointer_at(to), size))
        return false;
    bool copied = false;
    for (size_t at = 0; at < size; at += kChunkSize) {
        void* const source = base::pointer_at(from + at);
        void* const target = base::pointer_at(to + at);
        if (size > kChunkSize && ops.move(ops.self, source, target, kChunkSize))
            continue;
        std::memcpy(target, source, kChunkSize);
        copied = true;
    }
    return copied;
}

/// Moves a block to `range`, by its page tables or by copying.
void relocate(Extent* extent, const ChunkRange& range, size_t new_bytes) noexcept {
    const uintptr_t old_base = extent->base;
    const size_t old_bytes = extent->bytes;
    const size_t old_chunks = chunks_for(old_bytes);
    const size_t kept = std::min(old_chunks << kChunkShift, range.chunks << kChunkShift);
    ChunkSource& source = source_of(*extent);
    const bool dirty = move_chunks(source.ops(), old_base, range.base, kept);
    extent->base = range.base;
    extent->bytes = new_bytes;
    PageMap::set_block(extent, 0);  // U2
    publish_head(extent);
    static_cast<void>(PageMap::retire_head(old_base, detail::owner_key(extent->arena),
                                           detail::kHugeHead));
    source.give(old_base, old_chunks, dirty);
}

}  // namespace

void* allocate_huge(Arena& arena, size_t size, size_t alignment, bool& zeroed) noexcept {
    const size_t bytes = base::align_up(size, kPageSize);
    ChunkRange range;
    Extent* const extent = take_block(arena, chunks_for(bytes), alignment, range);
    if (extent == nullptr)
        return nullptr;
    *extent = Extent{};
    extent->counts = &arena.counts();
    extent->base = range.base;
    extent->bytes = bytes;
    extent->arena = arena.index();
    extent->kind = ExtentKind::huge;
    PageMap::set_block(extent, 0);
    publish_head(extent);
    arena.counts().count_huge(0, bytes);
    list_block(arena, *extent);
    zeroed = range.zeroed;
    if (range.zeroed && range.chunks > 1 && arena.fresh_blocks_get_written(range.base, bytes))
        hint_fresh(arena.pages().source(), range.base, bytes);
    return base::pointer_at(range.base);
}

void deallocate_huge(Extent* extent) noexcept {
    const uintptr_t base = extent->base;
    const size_t bytes = extent->bytes;
    Arena& arena = *arena_at(extent->arena);
    arena.counts().count_huge(bytes, 0);
    unlist_block(arena, *extent);
    const size_t chunks = chunks_for(bytes);
    // What came from the program's hooks is for them to purge.
    if (ChunkSource* const own = arena.own_source()) {
        g_heap.source.discard_extent(extent);
        own->give(base, chunks, true);
        return;
    }
    bool dirty = true;
    if (GRANARY_UNLIKELY(bytes >= g_heap.options.purge_freed_from)) {
        const os::PageOps& ops = g_heap.source.ops();
        dirty = !ops.purge_forced(ops.self, base::pointer_at(base), chunks << kChunkShift);
    }
    g_heap.source.give_block(extent, dirty);
}

bool keep_huge(ThreadState& state, uintptr_t base, size_t bytes) noexcept {
    // An arena's hooks want to see what is freed, whoever made the arena.
    if (state.mode == ThreadState::Mode::direct || state.arena->is_explicit() ||
        state.arena->own_source() != nullptr || bytes >= g_heap.options.purge_freed_from) {
        return false;
    }
    if (GRANARY_UNLIKELY(state.blocks.source() == nullptr))
        g_heap.source.list(state.blocks);
    return state.blocks.keep(base, bytes >> kPageShift);
}

void* take_kept_huge(ThreadState& state, size_t size, size_t alignment) noexcept {
    const size_t bytes = base::align_up(size, kPageSize);
    const uintptr_t base = state.blocks.take(bytes >> kPageShift, alignment);
    if (base == 0)
        return nullptr;
    PageMap::revive_head(base, state.owner_key, detail::kHugeHead);
    return base::pointer_at(base);
}

/// A block grows into fresh chunks from `base` on, to `new_bytes` in all: what it is now tells whether
/// they will be written.
static void hint_growth(ChunkSource& source, const Extent& extent, uintptr_t base,
                        size_t new_bytes) noexcept {
    if (source.is_dense(extent.base, extent.bytes))
        hint_fresh(source, base, new_bytes - (chunks_for(extent.bytes) << kChunkShift));
}

bool resize_huge_in_place(Extent* extent, size_t size) noexcept {
    ChunkSource& source = source_of(*extent);
    const size_t new_bytes = base::align_up(size, kPageSize);
    const size_t old_bytes = extent->bytes;
    const size_t old_chunks = chunks_for(old_bytes);
    const size_t new_chunks = chunks_for(new_bytes);
    ChunkRange range;
    if (new_chunks < old_chunks) {
        if (!source.detach_tail(extent->base, old_chunks, new_chunks))
            return false;
        extent->bytes = new_bytes;
        PageMap::set_block(extent, new_chunks - 1);
        publish_head(extent);
        source.give(extent->base + (new_chunks << kChunkShift), old_chunks - new_chunks, true);
    } else if (new_chunks == old_chunks ||
               source.take_following(extent->base + (old_chunks << kChunkShift),
                                     new_chunks - old_chunks, range)) {
        if (range.zeroed)
            hint_growth(source, *extent, range.base, new_bytes);
        extent->bytes = new_bytes;
        PageMap::set_block(extent, old_chunks - 1);
        publish_head(extent);
    } else {
        return false;
    }
    arena_at(extent->arena)->counts().count_huge(old_bytes, new_bytes);
    return true;
}

void* resize_huge(Extent* extent, size_t size) noexcept {
    if (resize_huge_in_place(extent, size))
        return base::pointer_at(extent->base);
    const size_t new_bytes = base::align_up(size, kPageSize);
    const size_t old_bytes = extent->bytes;
    ChunkRange range;
    ChunkSource& source = source_of(*extent);
    if (!source.take(chunks_for(new_bytes), kChunkSize, range))
        return nullptr;
    if (range.zeroed)
        hint_growth(source, *extent, range.base + (chunks_for(old_bytes) << kChunkShift), new_bytes);
    relocate(extent, range, new_bytes);
    arena_at(extent->arena)->counts().count_huge(old_bytes, new_bytes);
    return base::pointer_at(extent->base);
}

}  // namespace granary::core
