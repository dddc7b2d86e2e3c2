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
            return extent;
        }
        // A page of them at a time: the metadata lock is then rare.
        auto* batch =
            static_cast<Extent*>(metadata.allocate(kBatch * sizeof(Extent), alignof(Extent)));
        if (batch == nullptr)
            return nullptr;
        for (size_t i = 1; i < kBatch; ++i) free_.push_front(batch[kBatch - i]);
        return &batch[0];
    }

    void give(Extent* extent) noexcept {
        extent->kind = ExtentKind::none;
        extent->link = {};
        free_.push_front(*extent);
    }

private:
    static constexpr size_t kBatch = 8;
    ExtentList free_;
};

}  // namespace granary::core
