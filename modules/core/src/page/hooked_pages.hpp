// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// hooked_pages.hpp — the chunks of one arena whose memory comes from the program's hooks.
//
// Role        What a ChunkSource is for an arena with hooks; chunks in use are in the page
//             allocator's hands or in huge blocks, as always.
// Owns        Free pieces of whole chunks. A piece is one extent in the hooks' eyes.
// Invariants  Y1  a free piece's first and last chunk words are {free, tag}, and lead to its extent;
//                 tag is this object's alone, so nobody else's chunk is ever taken for a neighbour.
//             Y2  a chunk in the page allocator's hands, and a huge block, is one whole extent.
//             Y3  a piece whose split was refused is handed out whole or not at all.
//             Y4  retained pieces may be uncommitted; they are committed before they are handed out.
//             Y5  once the hooks gave pinned memory, they are asked to purge nothing of this arena's.
// Locking     mutex_, LockRank::chunk_source; a piece is taken out of the books before any hook
//             is called for it, and no lock is held then.
// Cost        linear in the number of free pieces; a hook's time besides.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "page/chunk_source.hpp"
#include "page/extent_ops.hpp"

namespace granary::core {

class HookedPages {
public:
    /// @param tag not 0, and no other object's.
    HookedPages(const ExtentOps& ops, MetadataHeap& metadata, PageMap& page_map,
                uint32_t tag) noexcept;

    // As ChunkSource.
    [[nodiscard]] bool take(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    [[nodiscard]] bool take_following(uintptr_t end, size_t chunks, ChunkRange& out) noexcept;
    [[nodiscard]] bool detach_tail(uintptr_t base, size_t chunks, size_t keep) noexcept;
    void give(uintptr_t base, size_t chunks, bool dirty) noexcept;
    void set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept;
    void decay(uint64_t now_ns) noexcept;
    size_t purge() noexcept;
    [[nodiscard]] size_t free_bytes(PageState state) noexcept;
    [[nodiscard]] bool has_unpurged() noexcept;
    void read_purge_counters(PurgeCounters& dirty, PurgeCounters& muzzy) noexcept;

    /// The arena ends: every free piece goes back for good.
    void surrender() noexcept;

    /// Purges pages of a chunk that is in the page allocator's hands.
    [[nodiscard]] bool purge_part(void* address, size_t size, bool lazily) noexcept;
    /// The table that shows this object to the page allocator.
    [[nodiscard]] const os::PageOps& page_ops() const noexcept { return page_ops_; }

    void check_invariants() noexcept;
    Mutex& mutex() noexcept { return mutex_; }

private:
    /// Free chunks, out of the books.
    struct Piece {
        uintptr_t base = 0;
        size_t chunks = 0;
        PageState state = PageState::dirty;
        bool zeroed = false;
        bool committed = true;
        bool whole = false;  ///< Y3

        [[nodiscard]] size_t bytes() const noexcept { return chunks << kChunkShift; }
        [[nodiscard]] uintptr_t end() const noexcept { return base + bytes(); }
    };

    [[nodiscard]] bool take_free(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    [[nodiscard]] bool take_fresh(size_t chunks, size_t alignment, ChunkRange& out) noexcept;
    [[nodiscard]] bool cut(Piece& piece, uintptr_t base, size_t chunks) noexcept;
    [[nodiscard]] bool split(Piece& piece, size_t chunks, Piece& tail) noexcept;
    [[nodiscard]] bool is_usable(uintptr_t base, size_t size, size_t alignment) noexcept;
    void abandon(const Piece& piece) noexcept;
    /// Puts a piece into the books, merged with its neighbours where the hooks agree.
    void insert(Piece piece) noexcept;
    void dispose(Piece piece) noexcept;
    size_t purge_to(PageState from, size_t keep_chunks, bool lazily) noexcept;

    Extent* find_locked(size_t chunks, size_t alignment) noexcept;
    Extent* neighbour_locked(uintptr_t address, const Piece& piece) noexcept;
    Piece unlink_locked(Extent* extent) noexcept;
    void link_locked(const Piece& piece) noexcept;

    Mutex mutex_{LockRank::chunk_source};
    std::atomic<bool> pinned_{false};  // Y5
    const ExtentOps& ops_;  // const after init
    os::PageOps page_ops_;  // const after init
    MetadataHeap& metadata_;
    PageMap& page_map_;
    const uint32_t tag_;  // const after init
    // guarded by mutex_
    ExtentPool extents_;
    std::array<ExtentList, kPageStates> free_;
    std::array<size_t, kPageStates> free_chunks_{};
    Decay dirty_decay_;
    Decay muzzy_decay_;
    PurgeCounters dirty_purges_;
    PurgeCounters muzzy_purges_;
};

}  // namespace granary::core
