// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// requests.hpp — the steps that every allocating and freeing call of this layer is made of.
//
// Role        Shared by heap.cpp (the C library's calls) and extended.cpp (calls with flags).
#pragma once

#include <cstddef>
#include <cstdint>

#include <granary/base/bits.hpp>

#include "cache/thread_state.hpp"
#include "granary/core/heap.hpp"
#include "heap/lookup.hpp"

namespace granary::core {

/// The small class that serves an aligned request; kSmallClassCount if none does.
[[nodiscard]] unsigned aligned_class(size_t alignment, size_t size) noexcept;

/// False for sizes and alignments that no address space holds.
[[nodiscard]] inline bool can_have_pages(size_t size, size_t alignment) noexcept {
    size_t bytes = 0;
    return size <= kMaxSize && alignment <= kMaxSize / 2 &&
           !base::add_overflows(size, alignment + kChunkSize, bytes);
}

/// One region of a small class, by the thread's cache; nullptr: out of memory.
[[nodiscard]] void* allocate_small(ThreadState& state, unsigned size_class) noexcept;

/// Large and huge. @param alignment bytes, a power of two.
[[nodiscard]] void* allocate_pages(ThreadState& state, size_t size, size_t alignment,
                                   bool zero) noexcept;

/// The same from one arena, without trying hard. @param size, alignment can_have_pages().
[[nodiscard]] void* take_pages_of(Arena& arena, size_t size, size_t alignment, bool zero,
                                  Growth growth = Growth::allowed) noexcept;

/// Frees a region that find_live() found, by the thread's cache.
void deallocate_found(ThreadState& state, const Found& found, void* pointer) noexcept;

}  // namespace granary::core
