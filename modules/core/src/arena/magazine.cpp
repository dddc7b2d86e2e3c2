// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// magazine.cpp — the pool of empty magazines.
#include "arena/magazine.hpp"

namespace granary::core {

Magazine* MagazinePool::take(MetadataHeap& metadata) noexcept {
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
    }
    Magazine* magazine = empty_;
    empty_ = magazine->next;
    magazine->next = nullptr;
    return magazine;
}

void MagazinePool::give(Magazine* magazine) noexcept {
    magazine->set_size(0);
    ScopedLock lock(mutex_);
    magazine->next = empty_;
    empty_ = magazine;
}

}  // namespace granary::core
