// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cache_set.hpp — the explicit thread caches of the process, by number.
//
// Owns        Every ExplicitCache ever made; none is ever destroyed, dead ones are made alive again.
// Invariants  R1  slots [0, count_) hold a cache each, the others none.
// Locking     mutex_, LockRank::explicit_cache, while caches come and go; found without it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cache/explicit_cache.hpp"

namespace granary::core {

class CacheSet {
public:
    /// What the flags of the calls can name.
    static constexpr unsigned kMost = 4094;
    static constexpr unsigned kNone = ~0U;

    constexpr CacheSet() noexcept = default;

    /// The number of a new cache, the lowest that is free; kNone: out of memory or of numbers.
    [[nodiscard]] unsigned create(MagazinePool& pool, MetadataHeap& metadata) noexcept;
    /// False if there is no such cache.
    bool destroy(unsigned number) noexcept;

    /// nullptr if there was never one of that number.
    [[nodiscard]] ExplicitCache* find(unsigned number) const noexcept {
        // ORDER: acquire, pairs with the release in create(): a found cache is complete.
        return number < kMost ? slots_[number].load(std::memory_order_acquire) : nullptr;
    }

    /// Calls visit(ExplicitCache&) for every cache, dead ones too.
    template <class Visit>
    void for_each(Visit visit) noexcept {
        // ORDER: acquire, pairs with the release in create() (R1).
        const unsigned count = count_.load(std::memory_order_acquire);
        for (unsigned i = 0; i < count; ++i) visit(*find(i));
    }

    Mutex& mutex() noexcept { return mutex_; }

private:
    Mutex mutex_{LockRank::explicit_cache};
    std::atomic<unsigned> count_{0};  // written under mutex_
    unsigned dead_ = 0;               // guarded by mutex_
    // Of the one set that there is; beside it, so that it takes no room in the initialised data.
    static std::atomic<ExplicitCache*> slots_[kMost];
};

}  // namespace granary::core
