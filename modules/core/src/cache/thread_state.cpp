// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_state.cpp — refill, overflow, outbox.
#include "cache/thread_state.hpp"

#include <algorithm>

#include <granary/base/panic.hpp>

#include "arena/misuse.hpp"

namespace granary::core {

namespace {

/// Empty magazines that a thread keeps; a loop over a thousand objects moves sixteen to and fro, and the
/// process-wide pool would see every one of them.
constexpr uint8_t kSparesAtMost = 20;
/// What is fetched from the pool at once, and given back when a thread has too many: one that frees
/// what others allocate needs one after the other, and they get one after the other.
constexpr uint32_t kSparesFetched = 8;
constexpr uint8_t kSparesReturned = 10;

/// Marks what is being rewritten for as long as it is (T3). Only this thread, and a child forked
/// from another one, ever look; the child sees a prefix of this thread's stores.
class Transition {
public:
    Transition(std::atomic<uint8_t>& mark, uint8_t what) noexcept : mark_(mark) {
        mark_.store(what, std::memory_order_relaxed);
        // ORDER: signal fence; keeps the compiler from moving the rewriting above the mark.
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    ~Transition() {
        // ORDER: release; what was rewritten is complete when the mark is gone.
        mark_.store(0, std::memory_order_release);
    }
    Transition(const Transition&) = delete;
    Transition& operator=(const Transition&) = delete;

private:
    std::atomic<uint8_t>& mark_;
};

/// What a thread keeps lives for one to two of these without being asked for.
constexpr uint64_t kAgePeriod = 500'000'000;

}  // namespace

void ThreadState::bind(Arena& home, MagazinePool& pool, MetadataHeap& heap) noexcept {
    arena = &home;
    magazines = &pool;
    metadata = &heap;
    owner_key = home.owner_key();
    for (size_t c = 0; c < kSmallClassCount; ++c) reciprocals[c] = kSizeClasses[c].reciprocal;
}

void* ThreadState::pop(unsigned size_class) noexcept {
    void** const top = tops[size_class].load(std::memory_order_relaxed);
    void* const region = top[-1];
    if (GRANARY_UNLIKELY(region == nullptr)) {
        if (GRANARY_UNLIKELY(!caches(size_class)))
            return arena->allocate_one(size_class);
        void* const refilled = refill_and_pop(size_class, Growth::forbidden);
        if (GRANARY_LIKELY(refilled != nullptr))
            return refilled;
        if (arena->is_patient())
            cool();
        return refill_and_pop(size_class, Growth::allowed);
    }
    tops[size_class].store(top - 1, std::memory_order_relaxed);
    return region;
}

void* ThreadState::refill_and_pop(unsigned size_class, Growth growth) noexcept {
    const Transition rewriting(transition, static_cast<uint8_t>(size_class + 1));
    Magazine* empty = current(size_class);
    if (empty == nullptr)
        empty = take_empty();
    if (empty == nullptr)
        return nullptr;
    empty->dedicate(arena->index(), size_class);
    Magazine* filled = arena->refill(size_class, empty, growth);
    if (filled == nullptr) {
        install(size_class, empty, 0);
        return nullptr;
    }
    if (filled != empty)
        give_empty(empty);
    const uint32_t count = filled->size();
    install(size_class, filled, count - 1);
    return filled->first()[count - 1];
}

size_t ThreadState::pop_many(unsigned size_class, void** out, size_t count) noexcept {
    Magazine* magazine = current(size_class);
    if (magazine == nullptr)
        return 0;
    void** top = tops[size_class].load(std::memory_order_relaxed);
    const size_t taken = std::min(count, static_cast<size_t>(top - magazine->first()));
    for (size_t i = 0; i < taken; ++i) out[i] = *--top;
    tops[size_class].store(top, std::memory_order_relaxed);
    return taken;
}

void ThreadState::push(unsigned size_class, void* region) noexcept {
    void** top = tops[size_class].load(std::memory_order_relaxed);
    if (GRANARY_UNLIKELY(top[-1] == region || top[-2] == region))
        misuse::double_free(region, kSizeClasses[size_class].size);
    if (is_full(top)) {
        if (!caches(size_class) || !make_room(size_class)) {
            arena->deallocate_one(size_class, region);
            return;
        }
        top = tops[size_class].load(std::memory_order_relaxed);
    }
    *top = region;
    // ORDER: release, as in deallocate().
    tops[size_class].store(top + 1, std::memory_order_release);
}

/// Exchanges a full magazine, or none, for an empty one. False: there is no memory for one.
bool ThreadState::make_room(unsigned size_class) noexcept {
    const Transition rewriting(transition, static_cast<uint8_t>(size_class + 1));
    Magazine* empty = nullptr;
    if (Magazine* full = take_current(size_class))
        empty = arena->park(full);
    if (empty == nullptr)
        empty = take_empty();
    if (empty == nullptr)
        return false;
    empty->dedicate(arena->index(), size_class);
    install(size_class, empty, 0);
    return true;
}

void ThreadState::set_cached(unsigned first, unsigned last, bool cached) noexcept {
    for (unsigned c = first; c <= last; ++c) {
        const uint64_t bit = uint64_t{1} << c;
        uncached = cached ? uncached & ~bit : uncached | bit;
    }
}

Magazine* ThreadState::take_current(unsigned size_class) noexcept {
    Magazine* magazine = current(size_class);
    if (magazine != nullptr) {
        magazine->set_size(static_cast<uint32_t>(
            tops[size_class].load(std::memory_order_relaxed) - magazine->first()));
        uninstall(size_class);
    }
    return magazine;
}

/// @param magazine dedicated to this arena and class
void ThreadState::install(unsigned size_class, Magazine* magazine, uint32_t count) noexcept {
    // ORDER: release; who finds the magazine by its top (statistics) finds its class set.
    tops[size_class].store(magazine->first() + count, std::memory_order_release);
}

void ThreadState::uninstall(unsigned size_class) noexcept {
    tops[size_class].store(detail::g_no_slots.top(), std::memory_order_relaxed);
}

Magazine* ThreadState::take_empty() noexcept {
    if (spare == nullptr) {
        uint32_t fetched = kSparesFetched;
        spare = magazines->take(*metadata, fetched);
        if (spare == nullptr)
            return nullptr;
        spare_count = static_cast<uint8_t>(fetched);
    }
    Magazine* magazine = spare;
    spare = magazine->next;
    --spare_count;
    magazine->next = nullptr;
    return magazine;
}

void ThreadState::give_empty(Magazine* magazine) noexcept {
    if (spare_count == kSparesAtMost) {
        Magazine* last = spare;
        for (unsigned i = 1; i < kSparesReturned; ++i) last = last->next;
        Magazine* const first = spare;
        spare = last->next;
        spare_count -= kSparesReturned;
        magazines->give(first, last);
    }
    magazine->set_size(0);
    magazine->next = spare;
    spare = magazine;
    ++spare_count;
}

/// Opens an outbox magazine for a (owner, class) that has none, at the cost of the set's older one.
void ThreadState::send_slow(uint32_t tag, void* region) noexcept {
    auto& set = outbox[outbox_set(tag)];
    const uint32_t owner_arena = detail::tag_arena(tag);
    const unsigned size_class = detail::tag_code(tag);
    if (set[1].is_open())
        post(set[1]);
    {
        const Transition rewriting(transition, kOutboxTransition);
        Magazine* magazine = take_empty();
        if (magazine == nullptr) {
            arena_at(owner_arena)->deallocate_one(size_class, region);
            return;
        }
        magazine->dedicate(owner_arena, size_class);
        magazine->first()[0] = region;
        set[1].top.store(set[0].top.load(std::memory_order_relaxed), std::memory_order_relaxed);
        // ORDER: release, pairs with for_each_pending().
        set[1].key.store(set[0].key.load(std::memory_order_relaxed), std::memory_order_release);
        set[0].top.store(magazine->first() + 1, std::memory_order_relaxed);
        set[0].key.store(tag, std::memory_order_release);
        pending_bytes += kSizeClasses[size_class].size;
    }
    if (pending_bytes >= kOutboxBytes)
        post_all();  // T2
}

void ThreadState::post(OutboxSlot& slot) noexcept {
    const Transition rewriting(transition, kOutboxTransition);
    void** const top = slot.top.load(std::memory_order_relaxed);
    Magazine* magazine = magazine_of(top);
    magazine->set_size(static_cast<uint32_t>(top - magazine->first()));
    slot.key.store(detail::kNoOwnerKey, std::memory_order_relaxed);
    pending_bytes -= magazine->size() * kSizeClasses[magazine->size_class].size;
    arena_at(magazine->arena)->post(magazine);
}

void ThreadState::post_full(OutboxSlot& slot) noexcept {
    if (pending_bytes >= kOutboxBytes) {
        post_all();
    } else {
        post(slot);
    }
}

void ThreadState::post_all() noexcept {
    for (auto& set : outbox) {
        for (OutboxSlot& slot : set) {
            if (slot.is_open())
                post(slot);
        }
    }
}

void ThreadState::age(uint64_t now_ns) noexcept {
    if (now_ns < next_age_ns)
        return;
    next_age_ns = now_ns + kAgePeriod;
    cool();
}

void ThreadState::cool() noexcept {
    release_large();
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        void** const top = tops[c].load(std::memory_order_relaxed);
        const auto now = static_cast<uint16_t>(base::address_of(top) / sizeof(void*));
        if (now != seen_tops[c]) {
            seen_tops[c] = now;
            continue;
        }
        give_back(c);
    }
}

void ThreadState::give_back(unsigned size_class) noexcept {
    const Transition rewriting(transition, static_cast<uint8_t>(size_class + 1));
    if (Magazine* magazine = take_current(size_class))
        arena->distribute(magazine);
}

void ThreadState::release_large() noexcept {
    large.drain([this](uintptr_t region) { arena->deallocate_large(PageMap::extent_at(region)); });
}

void ThreadState::flush() noexcept {
    post_all();
    release_large();
    release_blocks();
    for (unsigned c = 0; c < kSmallClassCount; ++c) give_back(c);
    const Transition rewriting(transition, kOutboxTransition);
    while (spare != nullptr) magazines->give(take_empty());
}

void ThreadState::repair_after_fork() noexcept {
    const uint8_t what = transition.load(std::memory_order_relaxed);
    transition.store(0, std::memory_order_relaxed);
    if (what != 0) {
        // At most a magazine's regions are lost, and only in the child.
        spare = nullptr;
        spare_count = 0;
        if (what != kOutboxTransition)
            uninstall(what - 1U);
    }
    large.recount();
    // A send that was interrupted has counted its region, and perhaps not yet its bytes.
    pending_bytes = 0;
    if (what == kOutboxTransition) {
        for (auto& set : outbox) {
            for (OutboxSlot& slot : set)
                slot.key.store(detail::kNoOwnerKey, std::memory_order_relaxed);
        }
    }
    for_each_pending([this](uint32_t, unsigned size_class, size_t regions) {
        pending_bytes += static_cast<uint32_t>(regions * kSizeClasses[size_class].size);
    });
}

size_t ThreadState::cached(unsigned size_class) const noexcept {
    // ORDER: acquire, pairs with install().
    void** const top = tops[size_class].load(std::memory_order_acquire);
    if (top == detail::g_no_slots.top())
        return 0;
    return count_below(top, size_class);
}

bool ThreadState::has_regions_of(const Arena& other) const noexcept {
    bool found = false;
    for_each_pending([&](uint32_t arena_index, unsigned, size_t) {
        found = found || arena_index == other.index();
    });
    return found;
}

void ThreadState::check_invariants() const noexcept {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        Magazine* magazine = current(c);
        if (magazine == nullptr)
            continue;
        void** const base = magazine->first();
        void** const top = tops[c].load(std::memory_order_relaxed);
        GRANARY_CHECK(base <= top && magazine->size_class == c,
                      "thread cache: bounds of a magazine [F2]");
        GRANARY_CHECK(base[-1] == nullptr && base[-2] == nullptr,
                      "thread cache: null slots below a magazine [Z2]");
        for (void** slot = base; slot < top; ++slot) {
            GRANARY_CHECK(detail::page_tag(base::address_of(*slot)) == (owner_key | c),
                          "thread cache: region of another arena or class [T1]");
        }
    }
    size_t kept = 0;
    large.for_each([&](size_t slot, uintptr_t region, size_t pages) {
        kept += pages;
        GRANARY_CHECK(pages % detail::LargeSlots::kSlots == slot &&
                          PageMap::extent_at(region)->bytes == pages << kPageShift,
                      "large slots: length [J1]");
        GRANARY_CHECK(detail::page_tag(region) == (owner_key | detail::kFreedHead),
                      "large slots: a kept region is marked freed [J1]");
    });
    GRANARY_CHECK(kept == large.pages() && kept <= detail::LargeSlots::kMostPages,
                  "large slots: pages [J2]");
    if (ChunkSource* source = blocks.source())
        source->check_kept(blocks, owner_key);
    size_t pending = 0;
    for_each_pending([&](uint32_t, unsigned size_class, size_t regions) {
        GRANARY_CHECK(regions != 0 && regions <= kSizeClasses[size_class].magazine_capacity,
                      "outbox: an open slot without regions [T2]");
        pending += regions * kSizeClasses[size_class].size;
    });
    GRANARY_CHECK(pending == pending_bytes, "outbox: pending bytes [T2]");
}

}  // namespace granary::core
