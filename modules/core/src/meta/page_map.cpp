// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_map.cpp — leaves and their slots.
//
//   root slot (address bits 30..46) ──▸ Leaf { entries: 8 bytes a page, read by every free
//                                              extents: 8 bytes a page, read by slow paths
//                                              chunks:  16 bytes a chunk }
#include "meta/page_map.hpp"

#include <algorithm>

#include <granary/base/bits.hpp>

namespace granary::core {

using detail::g_page_map_root;
using detail::kLeafPages;
using detail::kLeafShift;

namespace detail {
constinit std::atomic<uintptr_t> g_page_map_root[kRootSlots] = {};
}  // namespace detail

namespace {

constexpr size_t kLeafChunks = (size_t{1} << kLeafShift) / kChunkSize;

struct ChunkSlot {
    std::atomic<uint64_t> word;
    std::atomic<Extent*> extent;
};

struct Leaf {
    detail::PageEntry entries[kLeafPages];
    std::atomic<Extent*> extents[kLeafPages];
    ChunkSlot chunks[kLeafChunks];
};

static_assert(offsetof(Leaf, extents) == detail::kLeafPages * sizeof(detail::PageEntry) &&
                  sizeof(Leaf::extents[0]) == sizeof(detail::PageEntry),
              "P3");

/// Where entry 0 of all addresses would be if the leaf of `slot` went on downwards (E3).
constexpr uintptr_t entries_before(uintptr_t slot) noexcept {
    return slot * sizeof(Leaf::entries);
}

Leaf* leaf_of(uintptr_t address) noexcept {
    const uintptr_t slot = address >> kLeafShift;
    // ORDER: acquire, pairs with the release in cover(), so that the leaf's zeros are seen.
    const uintptr_t entries = g_page_map_root[slot].load(std::memory_order_acquire);
    if (entries == 0)
        return nullptr;
    // SAFETY (E3): slots are written by cover() only.
    return reinterpret_cast<Leaf*>(entries + entries_before(slot));
}

size_t page_slot(uintptr_t address) noexcept { return (address >> kPageShift) & (kLeafPages - 1); }
size_t chunk_slot(uintptr_t address) noexcept {
    return (address >> kChunkShift) & (kLeafChunks - 1);
}

/// Calls visit(slot, i) for chunks [from, to) after `base`, whose leaves exist.
template <class Visit>
void for_each_chunk(uintptr_t base, size_t from, size_t to, Visit visit) noexcept {
    while (from < to) {
        const uintptr_t address = base + (from << kChunkShift);
        const size_t first = chunk_slot(address);
        // PERF: a leaf is looked up once, not for every chunk in it.
        ChunkSlot* slot = leaf_of(address)->chunks + first;
        const size_t last = std::min(to, from + kLeafChunks - first);
        for (; from < last; ++from) visit(*slot++, from);
    }
}

void set_slot(ChunkSlot& slot, ChunkWord word, Extent* extent) noexcept {
    slot.extent.store(extent, std::memory_order_relaxed);
    // ORDER: release, pairs with chunk_word(): a reader that sees "huge" finds the extent.
    slot.word.store(word.packed(), std::memory_order_release);
}

}  // namespace

bool PageMap::cover(uintptr_t base, size_t size, MetadataHeap& metadata) noexcept {
    const uintptr_t last = (base + size - 1) >> kLeafShift;
    if (!detail::is_mappable(base) || !detail::is_mappable(base + size - 1))
        return false;
    for (uintptr_t slot = base >> kLeafShift; slot <= last; ++slot) {
        // ORDER: acquire, as in leaf_of().
        if (g_page_map_root[slot].load(std::memory_order_acquire) != 0)
            continue;
        ScopedLock lock(mutex_);
        if (g_page_map_root[slot].load(std::memory_order_relaxed) != 0)
            continue;
        void* memory = metadata.map(sizeof(Leaf));
        if (memory == nullptr)
            return false;
        // ORDER: release, pairs with leaf_of(); fresh mappings read zero, so entries are valid at once.
        g_page_map_root[slot].store(base::address_of(memory) - entries_before(slot),
                                    std::memory_order_release);
    }
    return true;
}

void PageMap::set_run(Extent* run, uint32_t owner, unsigned size_class) noexcept {
    Leaf* leaf = leaf_of(run->base);  // a run never leaves its chunk, so one leaf holds it
    const size_t first = page_slot(run->base);
    const size_t pages = run->bytes >> kPageShift;
    const uint32_t bias = detail::run_bias(run->base, kSizeClasses[size_class].reciprocal);
    for (size_t i = first; i < first + pages; ++i) {
        // ORDER: release, pairs with extent_at(): the descriptor is complete when it is found.
        leaf->extents[i].store(run, std::memory_order_release);
        leaf->entries[i].detail.store(bias, std::memory_order_relaxed);
        leaf->entries[i].tag.store(owner | size_class, std::memory_order_relaxed);
    }
}

void PageMap::retire_run(uintptr_t base, size_t pages, uint32_t owner,
                         unsigned size_class) noexcept {
    Leaf* leaf = leaf_of(base);
    const size_t first = page_slot(base);
    for (size_t i = first; i < first + pages; ++i) {
        leaf->entries[i].tag.store(owner | detail::kFreedRun, std::memory_order_relaxed);
        leaf->entries[i].detail.store(size_class, std::memory_order_relaxed);
    }
}

void PageMap::set_large(Extent* extent, uint32_t owner) noexcept {
    Leaf* leaf = leaf_of(extent->base);
    const size_t first = page_slot(extent->base);
    const size_t pages = extent->bytes >> kPageShift;
    for (size_t i = first + 1; i < first + pages; ++i)
        leaf->entries[i].tag.store(owner | detail::kInterior, std::memory_order_relaxed);
    set_head(extent, owner, detail::kLargeHead);
}

void PageMap::set_head(Extent* extent, uint32_t owner, detail::PageCode code) noexcept {
    Leaf* leaf = leaf_of(extent->base);
    const size_t i = page_slot(extent->base);
    // ORDER: release, pairs with extent_at(): the descriptor is complete when it is found.
    leaf->extents[i].store(extent, std::memory_order_release);
    leaf->entries[i].detail.store(static_cast<uint32_t>(extent->bytes >> kPageShift),
                                  std::memory_order_relaxed);
    leaf->entries[i].tag.store(owner | code, std::memory_order_relaxed);
}

void PageMap::clear_entries(uintptr_t base, size_t pages) noexcept {
    Leaf* leaf = leaf_of(base);
    const size_t first = page_slot(base);
    for (size_t i = 0; i < pages; ++i)
        leaf->entries[first + i].tag.store(0, std::memory_order_relaxed);
}

bool PageMap::retire_head(uintptr_t page, uint32_t owner, detail::PageCode code) noexcept {
    uint32_t live = owner | code;
    return leaf_of(page)->entries[page_slot(page)].tag.compare_exchange_strong(
        live, owner | detail::kFreedHead, std::memory_order_relaxed);
}

void PageMap::revive_head(uintptr_t page, uint32_t owner, detail::PageCode code) noexcept {
    leaf_of(page)->entries[page_slot(page)].tag.store(owner | code, std::memory_order_relaxed);
}

void PageMap::set_chunk(uintptr_t chunk, ChunkWord word, Extent* extent) noexcept {
    set_slot(leaf_of(chunk)->chunks[chunk_slot(chunk)], word, extent);
}

void PageMap::set_block(Extent* block, size_t from) noexcept {
    const size_t pages = block->bytes >> kPageShift;
    const size_t chunks = chunks_for(block->bytes);
    for_each_chunk(block->base, from, chunks, [&](ChunkSlot& slot, size_t i) {
        const size_t usable = std::min(pages - i * kChunkPages, kChunkPages);
        set_slot(slot,
                 {ChunkUse::huge, static_cast<uint32_t>(usable), static_cast<uint32_t>(i)}, block);
    });
}

void PageMap::clear_chunks(uintptr_t base, size_t chunks) noexcept {
    for_each_chunk(base, 0, chunks,
                   [](ChunkSlot& slot, size_t) { set_slot(slot, {}, nullptr); });
}

ChunkWord PageMap::chunk_word(uintptr_t address) noexcept {
    if (!detail::is_mappable(address))
        return {};
    const Leaf* leaf = leaf_of(address);
    if (leaf == nullptr)
        return {};
    // ORDER: acquire, pairs with set_chunk().
    return ChunkWord::unpack(
        leaf->chunks[chunk_slot(address)].word.load(std::memory_order_acquire));
}

Extent* PageMap::chunk_extent(uintptr_t address) noexcept {
    return leaf_of(address)->chunks[chunk_slot(address)].extent.load(std::memory_order_relaxed);
}

}  // namespace granary::core
