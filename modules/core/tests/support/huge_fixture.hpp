// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge_fixture.hpp — tests of huge blocks over the process-wide heap, each from a clean start.
#pragma once

#include "heap/heap_state.hpp"
#include "support/heap_fixture.hpp"

namespace granary::core::tests {

/// Chunks of blocks that were freed and are kept, whoever keeps them.
[[nodiscard]] inline size_t kept_chunks() { return g_heap.source.kept().chunks; }

class HugeFixture : public HeapFixture {
protected:
    void SetUp() override {
        HeapFixture::SetUp();
        purge_all();  // nothing is kept, nothing is dirty
    }
};

}  // namespace granary::core::tests
