// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// kept_blocks.cpp — ChunkSource: huge blocks, and those that threads keep freed.
#include "page/kept_blocks.hpp"

#include <granary/base/panic.hpp>

#include "page/block_counts.hpp"
#include "page/chunk_source.hpp"

namespace granary::core {

Extent* ChunkSource::take_block(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    ScopedLock lock(mutex_);
    release_kept_locked();
    Extent* const block = extents_.take(*metadata_);
    if (block != nullptr && !take_locked(chunks, alignment, out)) {
        extents_.give(block);
        return nullptr;
    }
    return block;
}

void ChunkSource::give_block(Extent* block, bool dirty) noexcept {
    ScopedLock lock(mutex_);
    give_block_locked(block, dirty);
}

void ChunkSource::give_block_locked(Extent* block, bool dirty) noexcept {
    const uintptr_t base = block->base;
    const size_t chunks = chunks_for(block->bytes);
    // First: the free range needs a descriptor, too.
    extents_.give(block);
    give_locked(base, chunks, dirty);
}

Extent* ChunkSource::make_extent() noexcept {
    ScopedLock lock(mutex_);
    return extents_.take(*metadata_);
}

void ChunkSource::discard_extent(Extent* extent) noexcept {
    ScopedLock lock(mutex_);
    extents_.give(extent);
}

void ChunkSource::list(KeptBlocks& keeper) noexcept {
    ScopedLock lock(mutex_);
    if (keeper.source_ != nullptr)
        return;
    keeper.source_ = this;
    keeper.next_ = keepers_.load(std::memory_order_relaxed);
    // ORDER: release, pairs with for_each_keeper(): `next_` is set.
    keepers_.store(&keeper, std::memory_order_release);
}

template <class Visit>
void ChunkSource::for_each_keeper(Visit visit) const noexcept {
    // ORDER: acquire, pairs with list().
    for (KeptBlocks* keeper = keepers_.load(std::memory_order_acquire); keeper != nullptr;
         keeper = keeper->next_) {
        visit(*keeper);
    }
}

void ChunkSource::release_locked(KeptBlocks& keeper) noexcept {
    keeper.drain([this](KeptBlocks::Block kept) {
        Extent* const block = PageMap::extent_at(kept.base);
        block->counts->count_huge(block->bytes, 0);
        give_block_locked(block, true);
    });
}

void ChunkSource::release_kept_locked() noexcept {
    for_each_keeper([this](KeptBlocks& keeper) { release_locked(keeper); });
}

void ChunkSource::release_kept() noexcept {
    if (kept().pages == 0)
        return;
    ScopedLock lock(mutex_);
    release_kept_locked();
}

void ChunkSource::release_kept(KeptBlocks& keeper) noexcept {
    if (keeper.is_empty())
        return;
    ScopedLock lock(mutex_);
    release_locked(keeper);
}

ChunkSource::Kept ChunkSource::kept() const noexcept {
    Kept sum;
    for_each_keeper([&](const KeptBlocks& keeper) {
        keeper.for_each([&](KeptBlocks::Block block) {
            sum.pages += block.pages;
            sum.chunks += block.chunks();
        });
    });
    return sum;
}

void ChunkSource::check_kept(const KeptBlocks& keeper, uint32_t owner) noexcept {
    ScopedLock lock(mutex_);  // nobody empties it meanwhile
    keeper.for_each([&](KeptBlocks::Block kept) {
        GRANARY_CHECK(keeper.source_ == this, "kept blocks: unknown to the source [O2]");
        const Extent& block = *PageMap::extent_at(kept.base);
        GRANARY_CHECK(kept.pages <= KeptBlocks::kMostPages && block.base == kept.base &&
                          block.bytes == kept.pages << kPageShift && block.counts != nullptr,
                      "kept blocks: length [O1]");
        GRANARY_CHECK(detail::page_tag(kept.base) == (owner | detail::kFreedHead),
                      "kept blocks: a kept block is marked freed [O1]");
        const ChunkWord last = PageMap::chunk_word(kept.base + block.bytes - 1);
        GRANARY_CHECK(last.use == ChunkUse::huge && last.index + 1 == kept.chunks(),
                      "kept blocks: chunk words [O1]");
    });
}

}  // namespace granary::core
