// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_cache.hpp — a thread cache that the program makes and names with every call.
//
// Role        What MALLOCX_TCACHE means: regions freed to it are the first to come out again.
// Owns        At most one magazine per class.
// Invariants  V1  the regions of a magazine are of one arena, which the magazine names.
//             V2  a dead cache holds nothing, and calls that name it are served as if by none.
// Locking     mutex_, LockRank::explicit_cache: threads may share a cache, though it is meant for
//             one at a time. An arena's refill and park are called under it.
// Cost        take and give: one lock, and no more while the magazine is neither empty nor full.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "arena/arena.hpp"

namespace granary::core {

class ExplicitCache {
public:
    ExplicitCache(MagazinePool& pool, MetadataHeap& metadata) noexcept
        : pool_(pool), metadata_(metadata) {}

    /// A region of the class; nullptr: out of memory.
    /// @param exactly  true: of that arena; false: any that is here, else of that arena.
    [[nodiscard]] void* take(unsigned size_class, Arena& arena, bool exactly) noexcept;
    /// Keeps a region that its arena would otherwise take back.
    void give(unsigned size_class, Arena& owner, void* region) noexcept;
    /// Returns everything to the arenas it came from.
    void flush() noexcept;

    [[nodiscard]] bool is_alive() noexcept;
    void set_alive(bool alive) noexcept;  ///< a cache that dies is flushed

    /// Calls visit(arena, class, regions) for what is held, under the lock.
    template <class Visit>
    void for_each_held(Visit visit) noexcept {
        ScopedLock lock(mutex_);
        for (unsigned c = 0; c < kSmallClassCount; ++c) {
            if (const Magazine* current = current_[c])
                visit(uint32_t{current->arena}, c, size_t{current->size()});
        }
    }

    void check_invariants() noexcept;
    Mutex& mutex() noexcept { return mutex_; }

private:
    [[nodiscard]] void* take_locked(unsigned size_class, Arena& arena, bool exactly) noexcept;
    [[nodiscard]] bool give_locked(unsigned size_class, Arena& owner, void* region) noexcept;
    void flush_locked() noexcept;

    Mutex mutex_{LockRank::explicit_cache};
    MagazinePool& pool_;      // const after init
    MetadataHeap& metadata_;  // const after init
    // guarded by mutex_
    bool alive_ = true;
    std::array<Magazine*, kSmallClassCount> current_{};  // by class; nullptr until it is used
};

}  // namespace granary::core
