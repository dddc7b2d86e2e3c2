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

constexpr uint32_t outbox_key(uint32_t arena, unsigned size_class) noexcept {
    return ((arena << 8) | size_class) + 1;
}
constexpr size_t outbox_set(uint32_t key) noexcept { return (key * 0x9e3779b1U) >> 29; }
static_assert(ThreadState::kOutboxSets == 8, "outbox_set yields three bits");

}  // namespace

void ThreadState::bind(Arena& home, MagazinePool& pool, MetadataHeap& heap) noexcept {
    arena = &home;
    magazines = &pool;
    metadata = &heap;
    owner_key = home.owner_key();
    for (size_t c = 0; c < kSmallClassCount; ++c) {
        bins[c].reciprocal = kSizeClasses[c].reciprocal;
        bins[c].size = kSizeClasses[c].size;
    }
}

void* ThreadState::pop(unsigned size_class) noexcept {
    detail::CacheBin& bin = bins[size_class];
    void** const top = bin.top.load(std::memory_order_relaxed);
    if (GRANARY_UNLIKELY(top == bin.base.load(std::memory_order_relaxed)))
        return refill_and_pop(size_class);
    bin.top.store(top - 1, std::memory_order_relaxed);
    return top[-1];
}

void* ThreadState::refill_and_pop(unsigned size_class) noexcept {
    const Transition rewriting(transition, static_cast<uint8_t>(size_class + 1));
    void** const base = bins[size_class].base.load(std::memory_order_relaxed);
    Magazine* empty = base != nullptr ? magazine_of(base) : take_empty();
    if (empty == nullptr)
        return nullptr;
    Magazine* filled = arena->refill(size_class, empty);
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

void ThreadState::push(unsigned size_class, void* region) noexcept {
    detail::CacheBin& bin = bins[size_class];
    void** top = bin.top.load(std::memory_order_relaxed);
    if (GRANARY_UNLIKELY(top != nullptr && (top[-1] == region || top[-2] == region))) {
        misuse::double_free(region, bin.size);
    }
    if (top == bin.limit) {
        if (!make_room(size_class)) {
            arena->deallocate_one(size_class, region);
            return;
        }
        top = bin.top.load(std::memory_order_relaxed);
    }
    *top = region;
    // ORDER: release, as in deallocate().
    bin.top.store(top + 1, std::memory_order_release);
}

/// Exchanges a full magazine, or none, for an empty one. False: there is no memory for one.
bool ThreadState::make_room(unsigned size_class) noexcept {
    const Transition rewriting(transition, static_cast<uint8_t>(size_class + 1));
    detail::CacheBin& bin = bins[size_class];
    void** const base = bin.base.load(std::memory_order_relaxed);
    Magazine* empty = nullptr;
    if (base != nullptr) {
        Magazine* full = magazine_of(base);
        full->set_size(static_cast<uint32_t>(bin.top.load(std::memory_order_relaxed) - base));
        uninstall(size_class);
        empty = arena->park(full);
    }
    if (empty == nullptr)
        empty = take_empty();
    if (empty == nullptr)
        return false;
    install(size_class, empty, 0);
    return true;
}

void ThreadState::install(unsigned size_class, Magazine* magazine, uint32_t count) noexcept {
    detail::CacheBin& bin = bins[size_class];
    magazine->arena = static_cast<uint16_t>(arena->index());
    magazine->size_class = static_cast<uint8_t>(size_class);
    void** const base = magazine->first();
    bin.limit = base + kSizeClasses[size_class].magazine_capacity;
    bin.base.store(base, std::memory_order_relaxed);
    bin.top.store(base + count, std::memory_order_relaxed);
}

void ThreadState::uninstall(unsigned size_class) noexcept {
    detail::CacheBin& bin = bins[size_class];
    bin.limit = nullptr;
    bin.base.store(nullptr, std::memory_order_relaxed);
    bin.top.store(nullptr, std::memory_order_relaxed);
}

Magazine* ThreadState::take_empty() noexcept {
    if (spare == nullptr)
        return magazines->take(*metadata);
    Magazine* magazine = spare;
    spare = magazine->next;
    --spare_count;
    magazine->next = nullptr;
    return magazine;
}

void ThreadState::give_empty(Magazine* magazine) noexcept {
    if (spare_count == kSparesAtMost)
        return magazines->give(magazine);
    magazine->set_size(0);
    magazine->next = spare;
    spare = magazine;
    ++spare_count;
}

void ThreadState::send(uint32_t owner_arena, unsigned size_class, void* region) noexcept {
    const uint32_t key = outbox_key(owner_arena, size_class);
    for (OutboxSlot& slot : outbox[outbox_set(key)]) {
        if (slot.key.load(std::memory_order_relaxed) != key)
            continue;
        Magazine* magazine = slot.magazine.load(std::memory_order_relaxed);
        const uint32_t count = magazine->size();
        void** const top = magazine->first() + count;
        if (GRANARY_UNLIKELY(top[-1] == region || top[-2] == region)) {
            misuse::double_free(region, kSizeClasses[size_class].size);
        }
        *top = region;
        // ORDER: release; as for a bin's top.
        magazine->count.store(count + 1, std::memory_order_release);
        pending_bytes += kSizeClasses[size_class].size;
        if (count + 1 == kSizeClasses[size_class].magazine_capacity) {
            post(slot);
        } else if (pending_bytes >= kOutboxBytes) {
            post_all();
        }
        return;
    }
    send_slow(key, size_class, region);
}

/// Opens an outbox magazine for a (owner, class) that has none, at the cost of the set's older one.
void ThreadState::send_slow(uint32_t key, unsigned size_class, void* region) noexcept {
    auto& set = outbox[outbox_set(key)];
    const uint32_t owner_arena = (key - 1) >> 8;
    if (set[1].key.load(std::memory_order_relaxed) != 0)
        post(set[1]);
    {
        const Transition rewriting(transition, kOutboxTransition);
        Magazine* magazine = take_empty();
        if (magazine == nullptr) {
            arena_at(owner_arena)->deallocate_one(size_class, region);
            return;
        }
        magazine->arena = static_cast<uint16_t>(owner_arena);
        magazine->size_class = static_cast<uint8_t>(size_class);
        magazine->first()[0] = region;
        magazine->set_size(1);
        set[1].key.store(set[0].key.load(std::memory_order_relaxed), std::memory_order_relaxed);
        // ORDER: release, pairs with add_outbox(): who finds a magazine finds it initialised.
        set[1].magazine.store(set[0].magazine.load(std::memory_order_relaxed),
                              std::memory_order_release);
        set[0].key.store(key, std::memory_order_relaxed);
        // ORDER: release, as above.
        set[0].magazine.store(magazine, std::memory_order_release);
        pending_bytes += kSizeClasses[size_class].size;
    }
    if (pending_bytes >= kOutboxBytes)
        post_all();  // T2
}

void ThreadState::post(OutboxSlot& slot) noexcept {
    const Transition rewriting(transition, kOutboxTransition);
    Magazine* magazine = slot.magazine.load(std::memory_order_relaxed);
    slot.key.store(0, std::memory_order_relaxed);
    slot.magazine.store(nullptr, std::memory_order_relaxed);
    pending_bytes -= magazine->size() * kSizeClasses[magazine->size_class].size;
    arena_at(magazine->arena)->post(magazine);
}

void ThreadState::post_all() noexcept {
    for (auto& set : outbox) {
        for (OutboxSlot& slot : set) {
            if (slot.key.load(std::memory_order_relaxed) != 0)
                post(slot);
        }
    }
}

void ThreadState::flush() noexcept {
    post_all();
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        const Transition rewriting(transition, static_cast<uint8_t>(c + 1));
        void** const base = bins[c].base.load(std::memory_order_relaxed);
        if (base == nullptr)
            continue;
        Magazine* magazine = magazine_of(base);
        magazine->set_size(
            static_cast<uint32_t>(bins[c].top.load(std::memory_order_relaxed) - base));
        uninstall(c);
        arena->distribute(magazine);
    }
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
    // A send that was interrupted has counted its region, and perhaps not yet its bytes.
    pending_bytes = 0;
    for (auto& set : outbox) {
        for (OutboxSlot& slot : set) {
            Magazine* magazine = slot.magazine.load(std::memory_order_relaxed);
            if (what == kOutboxTransition) {
                slot.key.store(0, std::memory_order_relaxed);
                slot.magazine.store(nullptr, std::memory_order_relaxed);
            } else if (magazine != nullptr) {
                pending_bytes += magazine->size() * kSizeClasses[magazine->size_class].size;
            }
        }
    }
}

size_t ThreadState::cached(unsigned size_class) const noexcept {
    const detail::CacheBin& bin = bins[size_class];
    void** const base = bin.base.load(std::memory_order_relaxed);
    void** const top = bin.top.load(std::memory_order_relaxed);
    // Read while the owner exchanges magazines, the two may not fit together.
    const auto count = static_cast<size_t>(top - base);
    return base != nullptr && count <= kMagazineSlots ? count : 0;
}

void ThreadState::add_outbox(std::array<size_t, kSmallClassCount>& sums) const noexcept {
    for (const auto& set : outbox) {
        for (const OutboxSlot& slot : set) {
            // The class is in the key: a magazine's own is plain, and may be somebody else's by now.
            const uint32_t key = slot.key.load(std::memory_order_relaxed);
            // ORDER: acquire, pairs with send_slow().
            const Magazine* magazine = slot.magazine.load(std::memory_order_acquire);
            if (key != 0 && magazine != nullptr)
                sums[(key - 1) & 0xff] += magazine->size();
        }
    }
}

void ThreadState::check_invariants() const noexcept {
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        void** const base = bins[c].base.load(std::memory_order_relaxed);
        void** const top = bins[c].top.load(std::memory_order_relaxed);
        if (base == nullptr)
            continue;
        GRANARY_CHECK(base <= top && top <= bins[c].limit,
                      "thread cache: bounds of a magazine [F2]");
        for (void** slot = base; slot < top; ++slot) {
            const uint32_t entry = detail::page_entry(base::address_of(*slot));
            GRANARY_CHECK((entry ^ owner_key) <= detail::kEntryRunMask &&
                              (entry & detail::kEntryClassMask) == c,
                          "thread cache: region of another arena or class [T1]");
        }
    }
    size_t pending = 0;
    for (const auto& set : outbox) {
        for (const OutboxSlot& slot : set) {
            const Magazine* magazine = slot.magazine.load(std::memory_order_relaxed);
            GRANARY_CHECK((magazine != nullptr) == (slot.key.load(std::memory_order_relaxed) != 0),
                          "outbox: key without magazine [T2]");
            if (magazine != nullptr)
                pending += magazine->size() * kSizeClasses[magazine->size_class].size;
        }
    }
    GRANARY_CHECK(pending == pending_bytes, "outbox: pending bytes [T2]");
}

}  // namespace granary::core
