// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// heap.hpp — room 2: the allocator as plain functions over the one global heap.
//
// Role        What capi turns into malloc and free. The two calls that matter most,
//             allocate() and deallocate(), are inline in detail/fast_path.hpp.
// Errors      nullptr means out of memory or a size above kMaxSize; the caller sets errno.
//             Misuse (foreign, interior, freed pointers) aborts with one line.
// Threading   Every function may be called by any thread at any time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace granary::core {

/// Largest request in bytes; PTRDIFF_MAX, as C demands of object sizes.
inline constexpr size_t kMaxSize = static_cast<size_t>(PTRDIFF_MAX);

/// As allocate(), and every usable byte is zero. Pages known to be zero are not written.
[[nodiscard]] void* allocate_zeroed(size_t size) noexcept;

/// At least `size` bytes at a multiple of `alignment`.
/// @param alignment a power of two, any size; the caller has checked that.
[[nodiscard]] void* allocate_aligned(size_t alignment, size_t size) noexcept;

/// Resizes a region, in place where possible; nullptr leaves the old one untouched.
/// @param pointer a live region, not nullptr.
/// @param size    not 0.
[[nodiscard]] void* reallocate(void* pointer, size_t size) noexcept;

/// Frees a region whose size the caller knows; a size that cannot be this region's aborts.
/// @param pointer nullptr does nothing.
/// @param size    in [requested, usable].
void deallocate_sized(void* pointer, size_t size) noexcept;

/// Frees a region made by allocate_aligned(alignment, size).
void deallocate_sized_aligned(void* pointer, size_t alignment, size_t size) noexcept;

/// Bytes that the program may use at `pointer`; 0 for nullptr; aborts for what is not a live region's start.
[[nodiscard]] size_t usable_size(const void* pointer) noexcept;

/// True if `pointer` lies in memory of a region, run or block that granary has handed out
/// (any byte of it, not only the start). Exact for any 64-bit value; takes no lock.
[[nodiscard]] bool owns(const void* pointer) noexcept;

/// True if `pointer` is the first byte of a region or huge block, as an allocating function returned
/// it; also of a small region that was freed since, while its run lives. Any value, no lock.
[[nodiscard]] bool is_region(const void* pointer) noexcept;

/// The usable size that allocate(size) would give; 0 if `size` is too large.
[[nodiscard]] size_t good_size(size_t size) noexcept;

}  // namespace granary::core
