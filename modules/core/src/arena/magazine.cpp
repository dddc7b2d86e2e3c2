// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// magazine.cpp — the pool of empty magazines.
#include "arena/magazine.hpp"

namespace granary::core {

Magazine* MagazinePool::take(MetadataHeap& metadata, uint32_t& most) noexcept {
    ScopedLock lock(mutex_);
    if (empty_ == nullptr) {
        auto* batch =
            static_cast<Magazine*>(metadata.allocate(kBatch * sizeof(Magazine), alignof(Magazine)));
        if (batch == nullptr)
            return nullptr;
        for (size_t i = 0; i < kBatch; ++i) {
            batch[i].next = empty_;
            empty_ = &batch[i];
        }
        most = 1;  // the others of a fresh page are for whoever needs one next
    }
    Magazine* const first = empty_;
    Magazine* last = first;
    uint32_t taken = 1;
    for (; taken < most && last->next != nullptr; ++taken) last = last->next;
    empty_ = last->next;
    last->next = nullptr;
    most = taken;
    return first;
}

void MagazinePool::give(Magazine* first, Magazine* last) noexcept {
    ScopedLock lock(mutex_);
    last->next = empty_;
    empty_ = first;
}

}  // namespace granary::core
