// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lookup.cpp — naming misuse, and the exact "is this ours".
#include "heap/lookup.hpp"

#include "arena/misuse.hpp"
#include "granary/core/heap.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

using detail::PageEntry;

/// First page of the large region that a page with an interior entry belongs to.
uintptr_t head_of(uintptr_t address) noexcept {
    address = base::align_down(address, kPageSize);
    while (detail::tag_code(detail::page_tag(address)) == detail::kInterior) address -= kPageSize;
    return address;
}

/// The chunk word of a huge block's chunk; {none} if there is no block, or if it was freed and is
/// kept by a thread.
ChunkWord block_word(uintptr_t address) noexcept {
    const ChunkWord word = PageMap::chunk_word(address);
    if (word.use != ChunkUse::huge)
        return {};
    const uintptr_t base =
        base::align_down(address, kChunkSize) - (uintptr_t{word.index} << kChunkShift);
    return detail::tag_code(detail::page_tag(base)) == detail::kHugeHead ? word : ChunkWord{};
}

}  // namespace

void report_misuse(std::string_view call, const void* pointer) noexcept {
    uintptr_t address = base::address_of(pointer);
    const PageEntry* entry = detail::find_entry(address);
    if (entry == nullptr)
        misuse::foreign(call, pointer);
    if (detail::tag_code(entry->tag.load(std::memory_order_relaxed)) == detail::kInterior) {
        address = head_of(address);
        entry = detail::find_entry(address);
    }
    const uint32_t tag = entry->tag.load(std::memory_order_relaxed);
    const uint32_t word = entry->detail.load(std::memory_order_relaxed);
    if (detail::is_run_tag(tag))
        misuse::interior(call, pointer, kSizeClasses[detail::tag_code(tag)].size);
    switch (tag == 0 ? 0 : detail::tag_code(tag)) {
        case detail::kFreedRun:
            misuse::use_after_free(call, pointer, kSizeClasses[word].size);
        case detail::kFreedHead:
            misuse::use_after_free(call, pointer, size_t{word} << kPageShift);
        case detail::kLargeHead:
        case detail::kHugeHead:
            misuse::interior(call, pointer, size_t{word} << kPageShift);
        default:
            break;
    }
    if (block_word(address).use == ChunkUse::huge)
        misuse::interior(call, pointer, PageMap::chunk_extent(address)->bytes);
    misuse::foreign(call, pointer);
}

const detail::PageEntry* find_region(const void* pointer) noexcept {
    const uintptr_t address = base::address_of(pointer);
    const detail::PageEntry* entry = detail::find_entry(address);
    if (entry == nullptr)
        return nullptr;
    const uint32_t tag = entry->tag.load(std::memory_order_relaxed);
    const unsigned code = detail::tag_code(tag);
    const bool is_start =
        detail::is_run_tag(tag)
            ? detail::is_region_start(address, entry->detail.load(std::memory_order_relaxed),
                                      kSizeClasses[code].reciprocal)
            : (code == detail::kLargeHead || code == detail::kHugeHead) &&
                  base::is_aligned(address, kPageSize);
    return tag != 0 && is_start ? entry : nullptr;
}

bool is_region(const void* pointer) noexcept { return find_region(pointer) != nullptr; }

bool owns(const void* pointer) noexcept {
    const uintptr_t address = base::address_of(pointer);
    const uint32_t tag = detail::page_tag(address);
    if (tag != 0) {
        const unsigned code = detail::tag_code(tag);
        // A freed region may be cached with its interior entries written.
        if (code == detail::kInterior)
            return detail::tag_code(detail::page_tag(head_of(address))) == detail::kLargeHead;
        // A freed mark may lie where a huge block's page is now.
        if (code != detail::kFreedRun && code != detail::kFreedHead)
            return true;
    }
    const ChunkWord word = block_word(address);
    return word.use == ChunkUse::huge &&
           (address & (kChunkSize - 1)) >> kPageShift < word.usable_pages;
}

}  // namespace granary::core
