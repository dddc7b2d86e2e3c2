// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// arena.hpp — an independent shard of the heap: bins over a page allocator, and an inbox.
//
// Role        Room 4: refill and park for thread caches, large regions, frees from elsewhere.
// Owns        One bin per small class, the pages under them, the inbox of posted magazines, the
//             cache of freed large regions.
// Invariants  A1  every region in this arena's magazines, runs and inbox lies in pages whose
//                 entries carry this arena's owner key.
//             A2  a page's entry says "run" only while its run belongs to a bin.
//             A3  the inbox holds at most about kInboxLimit magazines: whoever posts beyond that
//                 drains it.
// Locking     Bins and pages lock themselves. The inbox is a stack that is only pushed to (CAS,
//             release) and emptied whole (exchange, acquire), so it has no ABA; inbox_mutex_ is held
//             while it is emptied, so that a fork never finds it half-way.
//             An arena is adopted by one thread, or shared by several; nothing here differs.
// Source      Message queues between owners: snmalloc; here without links in user memory.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/bin.hpp"
#include "arena/explicit_part.hpp"
#include "arena/large_cache.hpp"
#include "arena/magazine.hpp"
#include "page/block_counts.hpp"
#include "page/page_allocator.hpp"

namespace granary::core {

class Arena {
public:
    Arena(uint32_t index, ChunkSource& source, MetadataHeap& metadata, MagazinePool& magazines,
          Maker maker = Maker::granary) noexcept;

    [[nodiscard]] uint32_t index() const noexcept { return index_; }
    [[nodiscard]] uint32_t owner_key() const noexcept { return detail::owner_key(index_); }

    /// Regions of a class for a thread.
    /// @param empty an empty magazine of the thread, dedicated to this arena and class.
    /// @return a magazine with size() > 0: `empty`, or a parked one while `empty` stays the
    ///         thread's; nullptr: out of memory.
    [[nodiscard]] Magazine* refill(unsigned size_class, Magazine* empty,
                                   Growth growth = Growth::allowed) noexcept;

    /// Takes a full magazine. @return an empty one in exchange, or nullptr.
    [[nodiscard]] Magazine* park(Magazine* magazine) noexcept;

    /// Returns a magazine's regions to their runs, and the magazine to the pool.
    void distribute(Magazine* magazine) noexcept;

    /// Another thread's frees: keeps the magazine until the owner, or anybody, drains the inbox.
    void post(Magazine* magazine) noexcept;
    void drain_inbox() noexcept;

    [[nodiscard]] void* allocate_one(unsigned size_class) noexcept;
    void deallocate_one(unsigned size_class, void* region) noexcept;

    /// Returns how many it got; fewer than `count`: out of memory.
    [[nodiscard]] size_t allocate_many(unsigned size_class, void** out, size_t count) noexcept;
    /// See Bin.
    [[nodiscard]] bool is_worth_moving(unsigned size_class, const void* region) noexcept;

    /// @param pages     1 .. kChunkPages; @param alignment in pages
    /// @param touched   see PageAllocator
    [[nodiscard]] void* allocate_large(size_t pages, size_t alignment,
                                       TouchedPages* touched,
                                       Growth growth = Growth::allowed) noexcept;
    /// @param extent large region of this arena whose head the caller has retired.
    void deallocate_large(Extent* extent) noexcept;
    /// In place, or false.
    [[nodiscard]] bool resize_large(Extent* extent, size_t pages) noexcept;

    /// Decay: purges by the curve; ages bins at most once per kAgePeriod.
    void tick(uint64_t now_ns) noexcept;
    [[nodiscard]] bool has_unpurged() noexcept;
    /// True if it rather looks for memory that is held and not used than take another chunk.
    [[nodiscard]] bool is_patient() const noexcept {
        return patience_.load(std::memory_order_relaxed) != 0;
    }
    /// Distributes everything parked and purges every unused page. Returns bytes given back.
    size_t purge() noexcept;
    /// Returns parked and posted regions to their runs, all of them or only the idle ones, and
    /// cached large regions to the pages.
    void age(bool all) noexcept;

    /// Everything but huge blocks is free at once; nobody uses it. Holds nothing afterwards.
    void drop_all() noexcept;

    /// Notes a huge block in fresh memory. @return whether the one before it got written: then this
    /// one will be, for all one knows.
    [[nodiscard]] bool fresh_blocks_get_written(uintptr_t base, size_t bytes) noexcept;
    /// Its large regions and huge blocks.
    BlockCounts& counts() noexcept { return counts_; }

    /// True if the program made it: no thread is attached to it that did not ask for it.
    [[nodiscard]] bool is_explicit() const noexcept { return explicit_.maker == Maker::program; }
    ExplicitPart& explicit_part() noexcept { return explicit_; }

    /// The source of an arena with hooks, else nullptr.
    [[nodiscard]] ChunkSource* own_source() const noexcept {
        // ORDER: acquire, pairs with attach_hooks().
        return explicit_.own_source.load(std::memory_order_acquire);
    }

    PageAllocator& pages() noexcept { return pages_; }
    Mutex& inbox_mutex() noexcept { return inbox_mutex_; }
    Bin& bin(unsigned size_class) noexcept { return bins_[size_class]; }
    [[nodiscard]] size_t large_bytes() const noexcept {
        return large_bytes_.load(std::memory_order_relaxed);
    }
    /// Freed large regions that are kept with their pages used.
    [[nodiscard]] size_t cached_large_bytes() const noexcept { return large_cache_.bytes(); }
    void check_invariants() noexcept;

    std::atomic<uint32_t> threads{0};  ///< attached; written under LockRank::arena_set
    std::atomic<uint64_t> born_ns{0};  ///< when it was made
    /// Has a decay time of its own; guarded by the ThreadSet's lock.
    bool own_dirty_decay = false;
    bool own_muzzy_decay = false;

private:
    static constexpr uint32_t kInboxLimit = 128;
    /// How often an arena looks before it takes a chunk: as often as it costs about what the chunk's
    /// page faults do. Whoever needs the memory again and again is to have it.
    static constexpr uint32_t kPatience = 64;

    void tick_locked(uint64_t now_ns) noexcept;
    size_t purge_locked() noexcept;
    void discard(Magazine* chain) noexcept;
    Extent* make_run(unsigned size_class, Growth growth) noexcept;
    Extent* allocate_pages(size_t pages, size_t alignment, TouchedPages* touched,
                           Growth growth) noexcept;
    void release_runs(ExtentList& released) noexcept;
    void release_large(Extent* extent) noexcept;

    const uint32_t index_;     // const after init
    MagazinePool& magazines_;  // const after init
    PageAllocator pages_;
    std::atomic<size_t> large_bytes_{0};
    std::atomic<uint64_t> next_age_{0};
    std::atomic<uint32_t> patience_{kPatience};  // a race loses or repeats a step
    BlockCounts counts_;
    std::atomic<uintptr_t> last_fresh_{0};      // base and
    std::atomic<size_t> last_fresh_bytes_{0};  // length; of different blocks at worst: only probed
    std::array<Bin, kSmallClassCount> bins_;
    LargeCache large_cache_;
    ExplicitPart explicit_;
    Mutex inbox_mutex_{LockRank::inbox};  // one drains at a time, and none during a fork
    alignas(GRANARY_CACHE_LINE) std::atomic<Magazine*> inbox_{nullptr};
};

}  // namespace granary::core
