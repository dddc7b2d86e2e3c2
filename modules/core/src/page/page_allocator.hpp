// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_allocator.hpp — the pages of one arena: runs and large regions come from here.
//
// Role        Room 6. Decides which pages of which chunk; counts and purges unused ones.
// Owns        The arena's chunks, in buckets by their longest free row; extent descriptors.
// Invariants  G1  a chunk is in the bucket of its longest free row; full chunks are in none.
//             G2  dirty_ and muzzy_ are the sums over the chunks.
//             G3  at most one chunk is entirely free; further ones go back to the chunk source.
// Locking     mutex_, LockRank::page_allocator; released around purging system calls. The chunk
//             source is called with mutex_ released.
// Cost        O(1) chunk choice, O(rows) inside a chunk of 512 bits.
// Source      Smallest sufficient longest free row first: tcmalloc's huge-page filler.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "granary/core/control.hpp"
#include "granary/core/snapshot.hpp"
#include "meta/extent_pool.hpp"
#include "page/chunk.hpp"
#include "page/chunk_source.hpp"
#include "page/decay.hpp"

namespace granary::core {

/// Which pages of an allocation may hold old contents; the others read zero.
struct TouchedPages {
    PageBits bits;     ///< of the chunk
    size_t first = 0;  ///< page of the allocation in the chunk
};

struct PageCounts {
    size_t active = 0;
    size_t dirty = 0;
    size_t muzzy = 0;
    size_t retained = 0;
    size_t spare_extents = 0;  ///< descriptors without pages
    size_t extents_made = 0;   ///< descriptors
    int64_t dirty_decay_ms = 0;
    int64_t muzzy_decay_ms = 0;
    LockSnapshot lock;
};

/// Whether an allocation may take a chunk more.
enum class Growth : uint8_t { forbidden, allowed };

class PageAllocator {
public:
    PageAllocator(ChunkSource& source, MetadataHeap& metadata, uint32_t arena) noexcept
        : source_(&source), metadata_(metadata), arena_(arena) {}

    /// @param pages     1 .. kChunkPages
    /// @param alignment in pages, a power of two <= kChunkPages
    /// @param touched   if not nullptr, receives which pages need zeroing
    /// @param growth    whether a chunk may be taken from the source
    /// @return an extent of kind none with base, bytes, chunk and arena set; nullptr: out of memory.
    [[nodiscard]] Extent* allocate(size_t pages, size_t alignment, TouchedPages* touched,
                                   Growth growth) noexcept;

    /// Frees an extent and its descriptor.
    /// @param touched_pages how many of its first pages were ever handed out (all, for large).
    void release(Extent* extent, size_t touched_pages) noexcept;

    /// Lengthens a large region into the free pages behind it. False: they are not free.
    [[nodiscard]] bool extend(Extent* extent, size_t pages) noexcept;
    /// Gives back the pages behind the first `pages`.
    void trim(Extent* extent, size_t pages) noexcept;

    void set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept;
    void read_decay(int64_t& dirty_ms, int64_t& muzzy_ms) noexcept;
    void set_one_decay(DecayKind kind, int64_t ms, uint64_t now_ns) noexcept;
    void decay(uint64_t now_ns) noexcept;
    /// Purges every unused page. Returns bytes given back.
    size_t purge() noexcept;

    /// Gives the one chunk that is kept empty (G3) to the source.
    void release_empty_chunk() noexcept;
    [[nodiscard]] size_t dirty_bytes() const noexcept {
        return dirty_.load(std::memory_order_relaxed) << kPageShift;
    }

    /// True if decay() may have something to do.
    [[nodiscard]] bool has_unpurged() const noexcept {
        return dirty_.load(std::memory_order_relaxed) + muzzy_.load(std::memory_order_relaxed) != 0;
    }

    [[nodiscard]] ChunkSource& source() noexcept {
        // ORDER: acquire, pairs with set_source(): the source is complete.
        return *source_.load(std::memory_order_acquire);
    }
    /// Where chunks come from, and go to, from now on.
    void set_source(ChunkSource& source) noexcept {
        // ORDER: release, pairs with source().
        source_.store(&source, std::memory_order_release);
    }
    [[nodiscard]] PageCounts counts() noexcept;
    /// Sorts the unused pages by the length of their rows, and adds them to `out`.
    void add_rows(PageRowsSnapshot& out) noexcept;
    /// Pages in use, read without the lock; the counter's address is good for the arena's life.
    [[nodiscard]] const std::atomic<size_t>& used_pages_counter() const noexcept {
        return used_pages_;
    }
    [[nodiscard]] size_t used_pages() const noexcept {
        return used_pages_.load(std::memory_order_relaxed);
    }
    /// Gives every chunk back, whatever is in it: all pages of the arena are free now.
    void drop_all() noexcept;

    void read_purge_counters(PurgeCounters& dirty, PurgeCounters& muzzy) noexcept;
    void check_invariants() noexcept;
    Mutex& mutex() noexcept { return mutex_; }

private:
    static constexpr size_t kBuckets = 32;
    static constexpr size_t kChunksBeforeHuge = 3;

    Chunk* choose_locked(size_t pages) noexcept;
    static PageRow place(const Chunk& chunk, size_t pages, size_t alignment) noexcept;
    [[nodiscard]] bool grow() noexcept;
    [[nodiscard]] bool wants_huge_pages() noexcept;
    void occupy_locked(Chunk& chunk, PageRow row, TouchedPages* touched) noexcept;
    /// @return a chunk to give back to the source after unlocking, or nullptr.
    Chunk* vacate_locked(Chunk& chunk, PageRow row, size_t touched_pages) noexcept;
    void give_back(Chunk* chunk) noexcept;
    void refile_locked(Chunk& chunk) noexcept;
    void unfile_locked(Chunk& chunk) noexcept;
    void count_unused_locked(Chunk& chunk) noexcept;
    /// Two's complement: adding a negative number subtracts. One writer at a time, the holder.
    void count_used(size_t pages) noexcept {
        used_pages_.store(used_pages_.load(std::memory_order_relaxed) + pages,
                          std::memory_order_relaxed);
    }
    size_t purge_to(PageState from, size_t keep_pages, bool lazily) noexcept;
    struct ChunkPurge {
        size_t pages;     ///< purged
        bool chunk_left;  ///< the chunk went back to the source
    };
    ChunkPurge purge_chunk_locked(ScopedLock& lock, Chunk& chunk, PageState from, size_t wanted,
                                  bool lazily) noexcept;

    std::atomic<ChunkSource*> source_;
    MetadataHeap& metadata_;  // const after init
    const uint32_t arena_;    // const after init
    Mutex mutex_{LockRank::page_allocator};
    // guarded by mutex_
    ExtentPool extents_;
    ChunkList spare_chunks_;  // descriptors
    std::array<ChunkList, kBuckets> buckets_;
    ChunkList full_;          // chunks without a free page
    uint32_t nonempty_ = 0;   // bit per bucket
    Chunk* empty_ = nullptr;  // G3
    size_t chunks_ = 0;
    std::atomic<size_t> used_pages_{0};  // written under mutex_
    std::atomic<uint32_t> purging_{0};  ///< chunks that are being purged; written under mutex_
    std::atomic<size_t> dirty_{0};
    std::atomic<size_t> muzzy_{0};
    Decay dirty_decay_;
    Decay muzzy_decay_;
    PurgeCounters dirty_purges_;
    PurgeCounters muzzy_purges_;
};

}  // namespace granary::core
