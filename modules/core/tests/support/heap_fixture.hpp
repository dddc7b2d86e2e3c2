// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// heap_fixture.hpp — tests over the process-wide heap: each leaves as much allocated as it found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "granary/core/control.hpp"
#include "granary/core/detail/fast_path.hpp"
#include "granary/core/heap.hpp"
#include "granary/core/snapshot.hpp"

namespace granary::core::tests {

[[nodiscard]] inline std::unique_ptr<HeapSnapshot> snapshot() {
    auto result = std::make_unique<HeapSnapshot>();
    take_snapshot(*result);
    return result;
}

class HeapFixture : public testing::Test {
protected:
    void SetUp() override {
        deallocate(allocate(1));  // the heap runs, and this thread has an arena
        before_ = snapshot()->allocated;
    }
    void TearDown() override {
        EXPECT_EQ(allocated(), 0U) << "the test freed what it allocated";
        check_invariants();
    }

    /// Usable bytes that this test holds.
    [[nodiscard]] size_t allocated() const { return snapshot()->allocated - before_; }

private:
    size_t before_ = 0;
};

/// Arenas that granary made by itself; other tests of the program may have made some.
[[nodiscard]] inline unsigned automatic_arenas() {
    unsigned count = 0;
    for (unsigned i = 0; i < arena_count(); ++i) count += arena_exists(i) && !is_explicit_arena(i) ? 1U : 0U;
    return count;
}

/// Bytes that differ by place and by `tag`.
[[nodiscard]] inline unsigned char pattern_at(size_t i, unsigned tag) {
    return static_cast<unsigned char>((i * 131) ^ (i >> 9) ^ (tag * 29) ^ 0x5c);
}
inline void fill(void* region, size_t size, unsigned tag) {
    auto* bytes = static_cast<unsigned char*>(region);
    for (size_t i = 0; i < size; ++i) bytes[i] = pattern_at(i, tag);
}
[[nodiscard]] inline bool keeps(const void* region, size_t size, unsigned tag) {
    const auto* bytes = static_cast<const unsigned char*>(region);
    for (size_t i = 0; i < size; ++i) {
        if (bytes[i] != pattern_at(i, tag))
            return false;
    }
    return true;
}
[[nodiscard]] inline bool all_zero(const void* region, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(region);
    return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * 1024;

}  // namespace granary::core::tests
