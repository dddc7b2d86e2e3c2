// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// magazine.cpp — the pool of empty magazines.
#include "arena/magazine.hpp"

namespace granary::core {

Magazine* MagazinePool::take(MetadataHeap& metadata, uint32_t& most) noexcept {
    ScopedLock lock(mutex_);
    if (empty_ == nullptr && fresh_ == fresh_end_) {
        auto* batch =
            static_cast<Magazine*>(metadata.allocate(kBatch * sizeof(Magazine), alignof(Magazine)));
        if (batch == nullptr)
            return nullptr;
        fresh_ = batch;
        fresh_end_ = batch + kBatch;
        most = 1;  // the others of a fresh page are for whoever needs one next
    }
    Magazine* const first = pop_locked();
    Magazine* last = first;
    uint32_t taken = 1;
    for (; taken < most; ++taken) {
        Magazine* const another = pop_locked();
        if (another == nullptr)
            break;
        last->next = another;
        last = another;
    }
    last->next = nullptr;
    most = taken;
    return first;
}

Magazine* MagazinePool::pop_locked() noexcept {
    if (empty_ == nullptr)
        return fresh_ == fresh_end_ ? nullptr : fresh_++;
    Magazine* const magazine = empty_;
    empty_ = magazine->next;
    return magazine;
}

void MagazinePool::give(Magazine* first, Magazine* last) noexcept {
    ScopedLock lock(mutex_);
    last->next = empty_;
    empty_ = first;
}

}  // namespace granary::core
