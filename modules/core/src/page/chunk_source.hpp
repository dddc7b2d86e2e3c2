// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// chunk_source.hpp — the process's address space in chunks: fresh, free, and huge blocks.
//
// Role        Room 7's neighbour: hands chunks to page allocators and serves huge blocks whole.
// Owns        The span being consumed; free ranges of chunks by state, dirty ▸ muzzy ▸ retained.
// Invariants  C1  neighbouring free ranges of one state are merged, except while one is being purged.
//             C2  a free range's first and last chunk slots in the page map lead to its extent.
//             C3  every chunk that was ever handed out stays committed, until its addresses are
//                 released; retained ones read zero.
//             C4  a free range's words have tag 0: those of arenas with hooks are nobody's
//                 neighbours here (hooked_pages.hpp).
// Locking     mutex_, LockRank::chunk_source; released around purging system calls.
// Cost        take/give O(1) but for the merge and a bounded search; one system call per fresh range.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <granary/base/bitmap.hpp>
#include <granary/os/pages.hpp>

#include "granary/core/options.hpp"
#include "granary/core/snapshot.hpp"
#include "meta/extent.hpp"
#include "meta/extent_pool.hpp"
#include "meta/metadata_heap.hpp"
#include "meta/page_map.hpp"
#include "page/decay.hpp"
#include "sync/mutex.hpp"

namespace granary::core {

class HookedPages;
class KeptBlocks;

/// Consecutive chunks in the taker's hands.
struct ChunkRange {
    uintptr_t base = 0;
    size_t chunks = 0;
    bool zeroed = false;  ///< every byte reads zero
};

/// Purge work done, for statistics.
struct PurgeCounters {
    uint64_t passes = 0;
    uint64_t calls = 0;  ///< madvise
    uint64_t pages = 0;
};

class ChunkSource {
public:
    constexpr ChunkSource() noexcept = default;

    void bind(const os::PageOps& ops, MetadataHeap& metadata, PageMap& page_map) noexcept;
    /// A source that passes everything on: memory comes from the program's hooks.
    void bind(HookedPages& hooked) noexcept;
    /// Before the first chunk: whether huge pages are asked for, and whether addresses are kept
    /// when their pages go back.
    void set_policy(HugePages huge_pages, bool retain) noexcept {
        huge_policy_ = huge_pages;
        huge_pages_.store(huge_pages == HugePages::adaptive, std::memory_order_relaxed);
        retain_ = retain;
    }

    /// @param chunks    at least 1.
    /// @param alignment in bytes, a power of two; chunks are aligned to their size anyway.
    /// @return false if the OS gives nothing more; nothing has changed then.
    [[nodiscard]] bool take(size_t chunks, size_t alignment, ChunkRange& out) noexcept;

    /// Whether take() would serve from memory that is resident.
    [[nodiscard]] bool has_resident(size_t chunks, size_t alignment) noexcept;

    /// Takes the `chunks` chunks that follow `end`, if they are free or fresh.
    [[nodiscard]] bool take_following(uintptr_t end, size_t chunks, ChunkRange& out) noexcept;

    /// Before the chunks behind the first `keep` of a block are given back: may they part?
    [[nodiscard]] bool detach_tail(uintptr_t base, size_t chunks, size_t keep) noexcept;

    /// Gives chunks back. @param dirty false if every byte is known to read zero.
    void give(uintptr_t base, size_t chunks, bool dirty) noexcept;

    /// Asks for huge pages in chunks that were just taken, read zero, and will be written for all
    /// one knows: a first touch then costs a fifth per byte. False: nothing was asked.
    bool back_with_huge_pages(uintptr_t base, size_t chunks) noexcept;
    /// Whether memory like this one gets written: of a few pages spread over [base, base + size)
    /// nearly all are resident. An array that is reserved and hardly used must not get huge pages.
    [[nodiscard]] bool is_dense(uintptr_t base, size_t size) noexcept;

    /// Chunks for a huge block, and its descriptor, which is not written yet; nullptr: nothing has
    /// changed. Not of a source with hooks.
    [[nodiscard]] Extent* take_block(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    /// Gives such a block back. @param dirty as for give().
    void give_block(Extent* block, bool dirty) noexcept;

    /// From now on it may keep blocks of this source (O2 of kept_blocks.hpp).
    void list(KeptBlocks& keeper) noexcept;
    /// Takes all blocks that anybody keeps, or that one keeper keeps: they are free chunks then.
    void release_kept() noexcept;
    void release_kept(KeptBlocks& keeper) noexcept;
    struct Kept {
        size_t pages = 0;   ///< that were usable
        size_t chunks = 0;
    };
    /// What is kept; approximate while threads run.
    [[nodiscard]] Kept kept() const noexcept;
    /// @param keeper whose owner is not using it; @param owner key of the arena that all are of
    void check_kept(const KeptBlocks& keeper, uint32_t owner) noexcept;

    /// A descriptor for a huge block of a source with hooks; give it back with discard_extent().
    [[nodiscard]] Extent* make_extent() noexcept;
    void discard_extent(Extent* extent) noexcept;

    void set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept;
    /// Purges as far as the curves ask.
    void decay(uint64_t now_ns) noexcept;
    /// Purges everything that is free. Returns bytes given back.
    size_t purge() noexcept;

    /// Unmaps up to `chunks` retained chunks: address space that metadata may then have.
    void release_address_space(size_t chunks) noexcept;

    [[nodiscard]] bool has_unpurged() const noexcept {
        return free_chunks_[0].load(std::memory_order_relaxed) +
                   free_chunks_[1].load(std::memory_order_relaxed) + kept().chunks !=
               0;
    }
    /// Bytes free in one state; `retained` includes address space not used yet. What is kept is not
    /// free yet.
    [[nodiscard]] size_t free_bytes(PageState state) noexcept;
    void read_purge_counters(PurgeCounters& dirty, PurgeCounters& muzzy) noexcept;
    /// Sorts the free ranges by their length, and adds them to `out`.
    void add_rows(PageRowsSnapshot& out) noexcept;
    /// Extent descriptors: unused, and ever made.
    void count_extents(size_t& spare, size_t& made) noexcept;

    [[nodiscard]] const os::PageOps& ops() const noexcept { return *ops_; }
    void check_invariants() noexcept;
    Mutex& mutex() noexcept { return mutex_; }

private:
    static constexpr size_t kBuckets = 128;
    struct FreeSet {
        std::array<ExtentList, kBuckets> buckets;
        base::Bitmap<kBuckets> nonempty;
    };

    bool take_locked(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    void give_locked(uintptr_t base, size_t chunks, bool dirty) noexcept;
    void give_block_locked(Extent* block, bool dirty) noexcept;
    void release_locked(KeptBlocks& keeper) noexcept;
    void release_kept_locked() noexcept;
    template <class Visit>
    void for_each_keeper(Visit visit) const noexcept;
    Extent* find_locked(PageState state, size_t chunks, size_t alignment) noexcept;
    bool take_free_locked(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    bool take_fresh_locked(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    void apply_huge_policy(uintptr_t base, size_t bytes) noexcept;
    bool reserve_span_locked(size_t bytes, uintptr_t& start, uintptr_t& end) noexcept;
    bool grow_span_locked(size_t bytes, size_t alignment) noexcept;
    void insert_locked(uintptr_t base, size_t chunks, PageState state) noexcept;
    Extent* link_locked(uintptr_t base, size_t chunks, PageState state) noexcept;
    void unlink_locked(Extent* extent) noexcept;
    void split_locked(Extent* extent, uintptr_t base, size_t chunks) noexcept;
    size_t purge_to(PageState from, size_t keep_chunks, bool lazily) noexcept;

    static constexpr size_t kProbes = 8;

    Mutex mutex_{LockRank::chunk_source};
    HookedPages* hooked_ = nullptr;     // const after init; nullptr: memory is the kernel's
    std::atomic<bool> huge_pages_{true};  // adaptive, and the kernel has not refused
    const os::PageOps* ops_ = nullptr;  // const after init
    MetadataHeap* metadata_ = nullptr;  // const after init
    PageMap* page_map_ = nullptr;       // const after init
    HugePages huge_policy_ = HugePages::adaptive;  // const after init
    bool retain_ = true;                       // const after init
    std::atomic<KeptBlocks*> keepers_{nullptr};  // pushed to under mutex_; walked at any time
    // guarded by mutex_
    ExtentPool extents_;
    std::array<FreeSet, kPageStates> free_;
    std::array<std::atomic<size_t>, kPageStates> free_chunks_{};  // written under mutex_
    uintptr_t span_cursor_ = 0;
    uintptr_t span_end_ = 0;
    uintptr_t lowest_ = 0;  // of all spans: the next one is asked for right below
    size_t reserved_ = 0;   // bytes of all spans
    Decay dirty_decay_;
    Decay muzzy_decay_;
    PurgeCounters dirty_purges_;
    PurgeCounters muzzy_purges_;
};

}  // namespace granary::core
