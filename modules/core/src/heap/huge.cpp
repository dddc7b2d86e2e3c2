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

size_t chunks_for(size_t bytes) noexcept { return (bytes + kChunkSize - 1) >> kChunkShift; }

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
    Extent* extent = g_heap.source.make_extent();
    if (extent == nullptr)
        return nullptr;
    const size_t bytes = base::align_up(size, kPageSize);
    ChunkRange range;
    if (!arena.pages().source().take(chunks_for(bytes), alignment, range)) {
        g_heap.source.discard_extent(extent);
        return nullptr;
    }
    *extent = Extent{};
    extent->base = range.base;
    extent->bytes = bytes;
    extent->arena = arena.index();
    extent->kind = ExtentKind::huge;
    PageMap::set_block(extent, 0);
    publish_head(extent);
    arena.count_huge(0, bytes);
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
    arena.count_huge(bytes, 0);
    unlist_block(arena, *extent);
    g_heap.source.discard_extent(extent);
    const size_t chunks = chunks_for(bytes);
    bool dirty = true;
    // What came from the program's hooks is for them to purge.
    if (GRANARY_UNLIKELY(bytes >= g_heap.options.purge_freed_from) &&
        arena.own_source() == nullptr) {
        const os::PageOps& ops = arena.pages().source().ops();
        dirty = !ops.purge_forced(ops.self, base::pointer_at(base), chunks << kChunkShift);
    }
    arena.pages().source().give(base, chunks, dirty);
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
    arena_at(extent->arena)->count_huge(old_bytes, new_bytes);
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
    arena_at(extent->arena)->count_huge(old_bytes, new_bytes);
    return base::pointer_at(extent->base);
}

}  // namespace granary::core
