// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_map.cpp — leaves and their slots.
//
//   root slot (address bits 30..46) ──▸ Leaf { entries: 4 bytes a page, read by every free
//                                              extents: 8 bytes a page, read by slow paths
//                                              chunks:  16 bytes a chunk }
#include "meta/page_map.hpp"

#include <granary/base/bits.hpp>

namespace granary::core {

using detail::g_page_map_root;
using detail::g_zero_entries;
using detail::kLeafPages;
using detail::kLeafShift;

namespace detail {
constinit std::atomic<uintptr_t> g_page_map_root[kRootSlots] = {};
constinit std::atomic<uint32_t> g_zero_entries[kLeafPages] = {};
}  // namespace detail

namespace {

constexpr size_t kLeafChunks = (size_t{1} << kLeafShift) / kChunkSize;

struct ChunkSlot {
    std::atomic<uint64_t> word;
    std::atomic<Extent*> extent;
};

struct Leaf {
    std::atomic<uint32_t> entries[kLeafPages];
    std::atomic<uintptr_t> extents[kLeafPages];  // Extent*, or (bytes << 1 | 1) of a freed head
    ChunkSlot chunks[kLeafChunks];
};

Leaf* leaf_of(uintptr_t address) noexcept {
    // ORDER: acquire, pairs with the release in cover(), so that the leaf's zeros are seen.
    const uintptr_t distance =
        g_page_map_root[address >> kLeafShift].load(std::memory_order_acquire);
    if (distance == 0)
        return nullptr;
    // SAFETY (P1): distances are written by cover() only.
    return reinterpret_cast<Leaf*>(base::address_of(&g_zero_entries[0]) + distance);
}

size_t page_slot(uintptr_t address) noexcept { return (address >> kPageShift) & (kLeafPages - 1); }
size_t chunk_slot(uintptr_t address) noexcept {
    return (address >> kChunkShift) & (kLeafChunks - 1);
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
        const uintptr_t distance = base::address_of(memory) - base::address_of(&g_zero_entries[0]);
        // ORDER: release, pairs with leaf_of(); fresh mappings read zero, so entries are valid at once.
        g_page_map_root[slot].store(distance, std::memory_order_release);
    }
    return true;
}

void PageMap::set_run(uintptr_t base, size_t pages, uint32_t owner, detail::PageKind kind,
                      uint32_t size_class) noexcept {
    Leaf* leaf = leaf_of(base);  // a run never leaves its chunk, so one leaf holds it
    const size_t first = page_slot(base);
    for (size_t i = 0; i < pages; ++i) {
        leaf->entries[first + i].store(
            detail::make_entry(owner, kind, static_cast<uint32_t>(i), size_class),
            std::memory_order_relaxed);
    }
}

void PageMap::set_large(uintptr_t base, size_t pages, uint32_t owner) noexcept {
    Leaf* leaf = leaf_of(base);
    const size_t first = page_slot(base);
    const uint32_t interior = detail::make_entry(owner, detail::PageKind::interior, 0, 0);
    for (size_t i = 1; i < pages; ++i)
        leaf->entries[first + i].store(interior, std::memory_order_relaxed);
    set_head(base, owner);
}

void PageMap::set_head(uintptr_t page, uint32_t owner) noexcept {
    leaf_of(page)->entries[page_slot(page)].store(
        detail::make_entry(owner, detail::PageKind::head, 0, 0), std::memory_order_relaxed);
}

void PageMap::clear_entries(uintptr_t base, size_t pages) noexcept {
    Leaf* leaf = leaf_of(base);
    const size_t first = page_slot(base);
    for (size_t i = 0; i < pages; ++i) leaf->entries[first + i].store(0, std::memory_order_relaxed);
}

void PageMap::set_extent(uintptr_t page, Extent* extent) noexcept {
    // ORDER: release, pairs with extent_at(): the descriptor is complete when it is found.
    leaf_of(page)->extents[page_slot(page)].store(base::address_of(extent),
                                                  std::memory_order_release);
}

Extent* PageMap::extent_at(uintptr_t page) noexcept {
    // ORDER: acquire, pairs with set_extent().
    const uintptr_t value = leaf_of(page)->extents[page_slot(page)].load(std::memory_order_acquire);
    // SAFETY (P1): tagged values belong to freed heads.
    return (value & 1) != 0 ? nullptr : reinterpret_cast<Extent*>(value);
}

bool PageMap::retire_head(uintptr_t page, uint32_t owner, size_t bytes) noexcept {
    Leaf* leaf = leaf_of(page);
    const uint32_t freed =
        detail::make_entry(owner, detail::PageKind::freed, 0, detail::kEntryClassMask);
    const uint32_t old = leaf->entries[page_slot(page)].exchange(freed, std::memory_order_relaxed);
    if (old == 0 || detail::entry_kind(old) != detail::PageKind::head)
        return false;
    leaf->extents[page_slot(page)].store((bytes << 1) | 1, std::memory_order_relaxed);
    return true;
}

size_t PageMap::freed_bytes(uintptr_t page) noexcept {
    const uintptr_t value = leaf_of(page)->extents[page_slot(page)].load(std::memory_order_relaxed);
    return (value & 1) != 0 ? value >> 1 : 0;
}

void PageMap::set_chunk(uintptr_t chunk, ChunkWord word, Extent* extent) noexcept {
    ChunkSlot& slot = leaf_of(chunk)->chunks[chunk_slot(chunk)];
    slot.extent.store(extent, std::memory_order_relaxed);
    // ORDER: release, pairs with chunk_word(): a reader that sees "huge" finds the extent.
    slot.word.store(word.packed(), std::memory_order_release);
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
