// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cache_set.cpp — see the header.
#include "cache/cache_set.hpp"

#include <new>

namespace granary::core {

constinit std::atomic<ExplicitCache*> CacheSet::slots_[kMost] = {};

unsigned CacheSet::create(MagazinePool& pool, MetadataHeap& metadata) noexcept {
    ScopedLock lock(mutex_);
    const unsigned count = count_.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < count && dead_ != 0; ++i) {
        ExplicitCache& cache = *find(i);
        if (!cache.is_alive()) {
            cache.set_alive(true);
            --dead_;
            return i;
        }
    }
    if (count == kMost)
        return kNone;
    void* memory = metadata.make<ExplicitCache>();
    if (memory == nullptr)
        return kNone;
    // ORDER: release, pairs with find() and for_each().
    slots_[count].store(new (memory) ExplicitCache(pool, metadata), std::memory_order_release);
    count_.store(count + 1, std::memory_order_release);
    return count;
}

bool CacheSet::destroy(unsigned number) noexcept {
    ScopedLock lock(mutex_);
    ExplicitCache* cache = find(number);
    if (cache == nullptr || !cache->is_alive())
        return false;
    cache->set_alive(false);
    ++dead_;
    return true;
}

}  // namespace granary::core
