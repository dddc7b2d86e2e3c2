// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// arena_reset.cpp — Arena and Bin: everything that was handed out is free at once.
//
// Nobody may be using the arena's memory; other threads may still tick it, read its statistics and
// purge it, which the upkeep lock and the inbox lock keep out.
#include "arena/arena.hpp"

namespace granary::core {

/// Empties a chain of magazines and puts them into the pool: what they held is gone.
void Arena::discard(Magazine* chain) noexcept {
    while (chain != nullptr) {
        Magazine* next = chain->next;
        chain->next = nullptr;
        magazines_.give(chain);
        chain = next;
    }
}

void Bin::drop_all(Magazine*& empties) noexcept {
    ScopedLock lock(mutex_);
    while (Magazine* magazine = parked_.pop_front()) {
        magazine->next = empties;
        empties = magazine;
    }
    // The runs' descriptors are with the pages; some are in no list here (B1).
    for (ExtentList& bucket : buckets_) {
        while (bucket.pop_front() != nullptr) {
        }
    }
    nonempty_ = 0;
    parked_count_ = 0;
    least_parked_ = 0;
    distributed_ = false;
    current_ = nullptr;
    kept_ = nullptr;
    taken_ = 0;
    runs_ = 0;
}

void Arena::drop_all() noexcept {
    {
        ScopedLock lock(inbox_mutex_);
        // ORDER: acquire, pairs with the release in post().
        discard(inbox_.exchange(nullptr, std::memory_order_acquire));
    }
    large_cache_.drain([this](Extent* extent) { release_large(extent); });
    for (Bin& bin : bins_) {
        Magazine* empties = nullptr;
        bin.drop_all(empties);
        discard(empties);
    }
    pages_.drop_all();
    large_bytes_.store(0, std::memory_order_relaxed);
    // Huge blocks went before.
    counts_.forget();
}

}  // namespace granary::core
