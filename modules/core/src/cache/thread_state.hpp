// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_state.hpp — a thread's cache: its magazines, its outbox, its counters.
//
// Role        Room 3 behind the fast path: what happens when a magazine is empty or full, and
//             when a region belongs to another thread's arena.
// Owns        One current magazine per class in use, the outbox, a few empty magazines, freed
//             large regions.
// Invariants  T1  every region in a current magazine belongs to arena_ and to the bin's class.
//             T2  regions of other arenas are in the outbox only, at most kOutboxBytes of them.
//             T3  `transition` is not 0 while a bin or the outbox is being rewritten; a forked
//                 child drops what another thread was rewriting.
// Locking     The attached thread only; while idle, whoever holds the ThreadSet's lock.
// Cost        refill, overflow, post: one bin lock or one CAS per magazine.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/base/bits.hpp>
#include <granary/base/intrusive_list.hpp>

#include "arena/arena.hpp"
#include "arena/misuse.hpp"
#include "granary/core/detail/fast_path.hpp"
#include "meta/page_map.hpp"
#include "page/kept_blocks.hpp"

namespace granary::core {

struct EventWaits;

/// Finds arenas by index; implemented by the ThreadSet's registry.
[[nodiscard]] Arena* arena_at(uint32_t index) noexcept;

struct alignas(GRANARY_CACHE_LINE) ThreadState : detail::CacheView {
    /// How calls of this thread are served once they are in the slow path.
    enum class Mode : uint8_t {
        cached,    ///< by the magazines; the fast path sees them
        counting,  ///< by the magazines, through the slow path, which counts bytes
        direct,    ///< by the arena's locked paths: no cache wanted, or the thread is ending
    };

    constexpr explicit ThreadState(Mode initial) noexcept
        : CacheView(detail::kNoOwnerKey), mode(initial) {}

    Arena* arena = nullptr;
    MagazinePool* magazines = nullptr;
    MetadataHeap* metadata = nullptr;
    Mode mode;
    std::atomic<uint8_t> transition{0};  ///< T3: class + 1, or kOutboxTransition
    uint8_t spare_count = 0;
    bool counted = false;        ///< its counters were asked for: it stays out of the cached mode
    bool idle = false;           ///< guarded by the ThreadSet's lock
    uint32_t pending_bytes = 0;  ///< in the outbox (T2)
    Magazine* spare = nullptr;   ///< stack of empty magazines
    uint64_t next_tick_ns = 0;
    std::atomic<uint64_t> allocated{0};
    std::atomic<uint64_t> deallocated{0};
    uint64_t next_age_ns = 0;
    std::array<uint16_t, kSmallClassCount> seen_tops{};  ///< low bits of each top, when it last cooled
    int64_t peak_base = 0;     ///< allocated - deallocated at the last reset
    int64_t peak = 0;          ///< most of allocated - deallocated since then
    uint64_t uncached = 0;     ///< bit per class whose regions go to and from the arena one by one
    size_t cache_max = kSmallMax;  ///< largest class that is cached, bytes
    EventWaits* events = nullptr;  ///< of thread_events.cpp; stays with the state
    base::ListLink all_link;
    base::ListLink idle_link;

    static constexpr uint8_t kOutboxTransition = 0xff;
    static constexpr size_t kOutboxSets = 8;
    static constexpr size_t kOutboxWays = 2;
    static constexpr uint32_t kOutboxBytes = 16 * 1024;
    /// Atomic for statistics, which may look at a slot at any time.
    struct OutboxSlot {
        /// Tag of its regions' pages; kNoOwnerKey, which no page has, if it has no magazine.
        std::atomic<uint32_t> key{detail::kNoOwnerKey};
        std::atomic<void**> top{nullptr};  ///< one past its magazine's newest region

        [[nodiscard]] bool is_open() const noexcept {
            return key.load(std::memory_order_relaxed) != detail::kNoOwnerKey;
        }
        /// Of an open one.
        [[nodiscard]] Magazine* magazine() const noexcept {
            return magazine_of(top.load(std::memory_order_relaxed));
        }
    };
    std::array<std::array<OutboxSlot, kOutboxWays>, kOutboxSets> outbox{};
    KeptBlocks blocks;  ///< huge blocks of its arena, which the program did not make

    void bind(Arena& home, MagazinePool& pool, MetadataHeap& heap) noexcept;

    /// Newest region of the class, refilling the magazine first if need be; nullptr: out of memory.
    [[nodiscard]] void* pop(unsigned size_class) noexcept;
    /// Up to `count` regions that are cached, newest first; returns how many.
    [[nodiscard]] size_t pop_many(unsigned size_class, void** out, size_t count) noexcept;
    /// An own region goes back; the magazine is parked first if it is full.
    void push(unsigned size_class, void* region) noexcept;
    /// A region of another arena goes into the outbox.
    /// @param tag of its page: arena and class
    void send(uint32_t tag, void* region) noexcept {
        OutboxSlot* const slot = find_slot(tag);
        if (slot == nullptr)
            return send_slow(tag, region);
        if (put(*slot, tag, region))
            post_full(*slot);
    }
    /// The open slot for these regions; nullptr if there is none.
    [[nodiscard]] GRANARY_ALWAYS_INLINE OutboxSlot* find_slot(uint32_t tag) noexcept {
        auto& set = outbox[outbox_set(tag)];
        OutboxSlot* slot = set.data();
        if (slot->key.load(std::memory_order_relaxed) != tag &&
            (++slot)->key.load(std::memory_order_relaxed) != tag)
            return nullptr;
        return slot;
    }
    /// @return true if the slot, or the whole outbox, is full now: post_full() is due
    [[nodiscard]] GRANARY_ALWAYS_INLINE bool put(OutboxSlot& slot, uint32_t tag,
                                                 void* region) noexcept {
        const size_t size = kSizeClasses[detail::tag_code(tag)].size;
        void** const top = slot.top.load(std::memory_order_relaxed);
        if (GRANARY_UNLIKELY(top[-1] == region || top[-2] == region))
            misuse::double_free(region, size);
        *top = region;
        // ORDER: release; as for a class's top.
        slot.top.store(top + 1, std::memory_order_release);
        pending_bytes += static_cast<uint32_t>(size);
        return is_full(top + 1) || pending_bytes >= kOutboxBytes;
    }
    /// Posts a full slot, or everything if that is what is full.
    GRANARY_NOINLINE void post_full(OutboxSlot& slot) noexcept;

    /// A kept large region of exactly `pages` pages, live again; or nullptr.
    [[nodiscard]] void* take_large(size_t pages) noexcept {
        const uintptr_t region = large.take(pages);
        if (region == 0)
            return nullptr;
        PageMap::revive_head(region, owner_key, detail::kLargeHead);
        return base::pointer_at(region);
    }
    /// Gives the huge blocks that are kept back.
    void release_blocks() noexcept {
        if (ChunkSource* source = blocks.source())  // not the arena's: that may have got hooks since
            source->release_kept(blocks);
    }
    /// Gives the large regions that are kept to the arena.
    void release_large() noexcept;
    /// Lets go of the large regions that are kept, and of the magazines whose class was not asked for
    /// since the last time.
    void cool() noexcept;
    /// The same, once in a while.
    void age(uint64_t now_ns) noexcept;

    /// Caches classes first .. last, or no longer; the cache must be empty.
    void set_cached(unsigned first, unsigned last, bool cached) noexcept;
    [[nodiscard]] bool caches(unsigned size_class) const noexcept {
        return (uncached >> size_class & 1) == 0;
    }

    /// Posts the whole outbox.
    void post_all() noexcept;
    /// Empties everything: magazines into their runs, the outbox to its owners.
    void flush() noexcept;
    /// In a forked child, for the state of a thread that is gone: drops what was half-written (T3).
    void repair_after_fork() noexcept;

    /// Regions of a class in the current magazine and in the outbox; approximate while it runs.
    [[nodiscard]] size_t cached(unsigned size_class) const noexcept;
    /// True if the outbox, as far as one can see from outside, names that arena.
    [[nodiscard]] bool has_regions_of(const Arena& other) const noexcept;
    /// Calls visit(arena index, class, regions) for what is in the outbox; approximate as well.
    template <typename Visit>
    void for_each_pending(Visit visit) const noexcept {
        for (const auto& set : outbox) {
            for (const OutboxSlot& slot : set) {
                // Arena and class by the key: the magazine may be somebody else's by now.
                // ORDER: acquire, pairs with send_slow(): who finds a key finds a top.
                const uint32_t key = slot.key.load(std::memory_order_acquire);
                if (key != detail::kNoOwnerKey) {
                    const unsigned c = detail::tag_code(key);
                    visit(detail::tag_arena(key), c,
                          count_below(slot.top.load(std::memory_order_relaxed), c));
                }
            }
        }
    }
    void check_invariants() const noexcept;

private:
    /// Regions in a magazine by its top; whatever the top, no more than one of the class holds.
    [[nodiscard]] static size_t count_below(void** top, unsigned size_class) noexcept {
        const auto room = static_cast<size_t>(magazine_of(top)->slots.end() - top);
        const size_t capacity = kSizeClasses[size_class].magazine_capacity;
        return room <= capacity ? capacity - room : 0;
    }
    [[nodiscard]] static bool is_full(void** top) noexcept {
        return base::address_of(top) % detail::kMagazineAlignment == 0;
    }
    /// nullptr if the class has none.
    [[nodiscard]] Magazine* current(unsigned size_class) const noexcept {
        void** const top = tops[size_class].load(std::memory_order_relaxed);
        return top == detail::g_no_slots.top() ? nullptr : magazine_of(top);
    }
    /// Uninstalls the current magazine and says in it how many regions it holds.
    [[nodiscard]] Magazine* take_current(unsigned size_class) noexcept;
    /// Gives the current magazine's regions back to their runs.
    void give_back(unsigned size_class) noexcept;
    [[nodiscard]] void* refill_and_pop(unsigned size_class, Growth growth) noexcept;
    [[nodiscard]] bool make_room(unsigned size_class) noexcept;
    void install(unsigned size_class, Magazine* magazine, uint32_t count) noexcept;
    void uninstall(unsigned size_class) noexcept;
    [[nodiscard]] Magazine* take_empty() noexcept;
    void give_empty(Magazine* magazine) noexcept;
    [[nodiscard]] static constexpr size_t outbox_set(uint32_t tag) noexcept {
        static_assert(kOutboxSets == 8, "three bits");
        return (tag * 0x9e3779b1U) >> 29;
    }
    void post(OutboxSlot& slot) noexcept;
    GRANARY_NOINLINE void send_slow(uint32_t tag, void* region) noexcept;
};

}  // namespace granary::core
