// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_cache.cpp — see the header.
#include "cache/explicit_cache.hpp"

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "arena/misuse.hpp"
#include "cache/thread_state.hpp"

namespace granary::core {

void* ExplicitCache::take(unsigned size_class, Arena& arena, bool exactly) noexcept {
    ScopedLock lock(mutex_);
    if (!alive_) {
        lock.release();
        return arena.allocate_one(size_class);  // V2
    }
    return take_locked(size_class, arena, exactly);
}

void* ExplicitCache::take_locked(unsigned size_class, Arena& arena, bool exactly) noexcept {
    Magazine*& current = current_[size_class];
    if (current != nullptr && exactly && current->size() != 0 &&
        current->arena != arena.index()) {  // V1
        arena_at(current->arena)->distribute(current);
        current = nullptr;
    }
    if (current == nullptr) {
        current = pool_.take(metadata_);
        if (current == nullptr)
            return nullptr;
    }
    if (current->size() == 0) {
        current->dedicate(arena.index(), size_class);
        Magazine* filled = arena.refill(size_class, current);
        if (filled == nullptr)
            return nullptr;
        if (filled != current) {
            pool_.give(current);
            current = filled;
        }
    }
    const uint32_t count = current->size() - 1;
    current->set_size(count);
    return current->first()[count];
}

void ExplicitCache::give(unsigned size_class, Arena& owner, void* region) noexcept {
    ScopedLock lock(mutex_);
    if (alive_ && give_locked(size_class, owner, region))
        return;
    lock.release();
    owner.deallocate_one(size_class, region);
}

bool ExplicitCache::give_locked(unsigned size_class, Arena& owner, void* region) noexcept {
    Magazine*& current = current_[size_class];
    if (current != nullptr && current->size() != 0) {
        if (current->arena != owner.index())
            return false;  // V1
        void** const top = current->first() + current->size();
        if (GRANARY_UNLIKELY(top[-1] == region || top[-2] == region)) {
            misuse::double_free(region, kSizeClasses[size_class].size);
        }
        if (current->size() == kSizeClasses[size_class].magazine_capacity)
            current = owner.park(current);
    }
    if (current == nullptr) {
        current = pool_.take(metadata_);
        if (current == nullptr)
            return false;
    }
    const uint32_t count = current->size();
    if (count == 0)
        current->dedicate(owner.index(), size_class);
    current->first()[count] = region;
    current->set_size(count + 1);
    return true;
}

void ExplicitCache::flush() noexcept {
    ScopedLock lock(mutex_);
    flush_locked();
}

void ExplicitCache::flush_locked() noexcept {
    for (Magazine*& current : current_) {
        if (current == nullptr)
            continue;
        if (current->size() == 0) {
            pool_.give(current);
        } else {
            arena_at(current->arena)->distribute(current);
        }
        current = nullptr;
    }
}

bool ExplicitCache::is_alive() noexcept {
    ScopedLock lock(mutex_);
    return alive_;
}

void ExplicitCache::set_alive(bool alive) noexcept {
    ScopedLock lock(mutex_);
    if (!alive)
        flush_locked();
    alive_ = alive;
}

void ExplicitCache::check_invariants() noexcept {
    ScopedLock lock(mutex_);
    for (unsigned c = 0; c < kSmallClassCount; ++c) {
        Magazine* current = current_[c];
        if (current == nullptr || current->size() == 0)
            continue;
        GRANARY_CHECK(alive_, "explicit cache: dead, but not empty [V2]");
        GRANARY_CHECK(current->size() <= kSizeClasses[c].magazine_capacity,
                      "explicit cache: size of a magazine [V1]");
        for (uint32_t i = 0; i < current->size(); ++i) {
            GRANARY_CHECK(detail::page_tag(base::address_of(current->first()[i])) ==
                              (detail::owner_key(current->arena) | c),
                          "explicit cache: region of another arena or class [V1]");
        }
    }
}

}  // namespace granary::core
