// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// accounting.hpp — the statistics against the model, to the byte and per class.
//
// Role        What the stage asks at checkpoints when nobody else allocates.
// Invariants  B1  stats.allocated, each bin's curregs and each large class's curlextents are what
//                 they were at the start plus the live regions.
//             B2  allocated <= active <= resident <= mapped.
//             B3  once all is freed and purged, no page is left unused.
#pragma once

#include <cstdint>
#include <vector>

#include "../support/abi.hpp"
#include "../support/model_heap.hpp"

namespace granary::tests {

class Accounting {
public:
    /// Remembers what is there before the program begins.
    explicit Accounting(const Abi& abi);

    /// Diverges unless B1 and B2 hold. @param live   every live region.
    void expect(const std::vector<Region>& live) const;

    /// Purges, then diverges unless B3 holds and everything is as it was at the start.
    void expect_nothing_left() const;

private:
    [[nodiscard]] size_t value(const char* name) const;
    [[nodiscard]] size_t counted(size_t index) const;
    [[nodiscard]] size_t class_of(const Region& region) const;
    void refresh() const;

    const Abi& abi_;
    std::vector<size_t> sizes_;     // small classes, then large ones
    size_t small_count_ = 0;
    std::vector<size_t> baseline_;  // by class
    size_t baseline_bytes_ = 0;
};

}  // namespace granary::tests
