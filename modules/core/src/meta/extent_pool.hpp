// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_pool.hpp — recycled extent descriptors.
//
// Owns        free_, a stack of unused descriptors.
// Locking     The holder's lock (page allocator or chunk source); has none of its own.
#pragma once

#include "meta/extent.hpp"
#include "meta/metadata_heap.hpp"

namespace granary::core {

class ExtentPool {
public:
    constexpr ExtentPool() noexcept = default;

    /// @return a descriptor with unspecified contents, or nullptr.
    [[nodiscard]] Extent* take(MetadataHeap& metadata) noexcept {
        if (Extent* extent = free_.front()) {
            free_.erase(*extent);
            --spare_;
            return extent;
        }
        // A page of them at a time: the metadata lock is then rare.
        auto* batch =
            static_cast<Extent*>(metadata.allocate(kBatch * sizeof(Extent), alignof(Extent)));
        if (batch == nullptr)
            return nullptr;
        made_ += kBatch;
        spare_ += kBatch - 1;
        for (size_t i = 1; i < kBatch; ++i) free_.push_front(batch[kBatch - i]);
        return &batch[0];
    }

    void give(Extent* extent) noexcept {
        extent->kind = ExtentKind::none;
        extent->link = {};
        free_.push_front(*extent);
        ++spare_;
    }

    [[nodiscard]] size_t spare() const noexcept { return spare_; }
    [[nodiscard]] size_t made() const noexcept { return made_; }

private:
    static constexpr size_t kBatch = 8;
    ExtentList free_;
    size_t spare_ = 0;  ///< descriptors in free_
    size_t made_ = 0;   ///< descriptors ever taken from the metadata heap
};

}  // namespace granary::core
