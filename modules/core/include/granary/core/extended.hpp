// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extended.hpp — allocation with everything chosen: alignment, zeroing, arena, thread cache.
//
// Role        What capi turns into mallocx and its family, batches, and questions about one region.
// Errors      As heap.hpp. An arena that does not exist is out of memory; a cache that does not
//             exist is no cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "granary/core/control.hpp"

namespace granary::core {

/// Which cache serves a call; other values are numbers of create_tcache().
inline constexpr unsigned kAutomaticCache = ~0U;
inline constexpr unsigned kNoCache = ~0U - 1;

/// How a request differs from a plain one.
struct Request {
    size_t alignment = 1;             ///< a power of two
    bool zero = false;                ///< every usable byte reads zero
    unsigned arena = kNoIndex;        ///< kNoIndex: the calling thread's
    unsigned cache = kAutomaticCache;

    /// Naming an arena bypasses the thread's own cache, which has regions of one arena only.
    [[nodiscard]] constexpr bool is_automatic() const noexcept {
        return arena == kNoIndex && cache == kAutomaticCache;
    }
};

[[nodiscard]] void* allocate_with(size_t size, const Request& request) noexcept;

/// Resizes, moving if need be; with `zero`, bytes beyond the old usable size read zero.
/// The result has the usable size size_with() says. nullptr leaves the old region untouched.
/// @param pointer nullptr allocates.
[[nodiscard]] void* reallocate_with(void* pointer, size_t size, const Request& request) noexcept;

/// Resizes without moving: to size + extra bytes, else to `size`, else not at all.
/// @return the usable size then; 0 for nullptr.
size_t resize_with(void* pointer, size_t size, size_t extra, const Request& request) noexcept;

/// @param pointer nullptr does nothing.
void deallocate_with(void* pointer, unsigned cache) noexcept;
/// A size or an alignment that cannot be this region's aborts.
void deallocate_sized_with(void* pointer, size_t size, const Request& request) noexcept;

/// The usable size that allocate_with() would give; 0 if it could not.
[[nodiscard]] size_t size_with(size_t size, const Request& request) noexcept;

/// Fills out[0 .. count) with regions of `size` bytes, whole magazines and runs at a time.
/// @return how many there are: `count`, or fewer if out of memory.
[[nodiscard]] size_t allocate_batch(size_t size, const Request& request, void** out,
                                    size_t count) noexcept;
/// Frees regions of any kind, cheapest if neighbours in the array are of one size; null pointers
/// are passed over.
void deallocate_batch(void* const* pointers, size_t count) noexcept;

/// How well the memory around a region is used.
struct Utilization {
    const void* next_run = nullptr;  ///< where the next region of this size comes from, if known
    size_t free_regions = 0;         ///< of the region's run; 0 for large and huge ones
    size_t regions = 0;              ///< of the run, live or free; 1 for large and huge ones
    size_t bytes = 0;                ///< of the run, the region or the block
    size_t bin_free_regions = 0;     ///< of all runs of this size in its arena
    size_t bin_regions = 0;
};
/// Zeros for what is not the start of a live region.
[[nodiscard]] Utilization utilization_of(const void* pointer) noexcept;

/// True if a copy of the region, allocated with kNoCache, would help to empty a run: for regions of
/// runs that are used no better than their arena's average, and not of the run that the next
/// region comes from.
[[nodiscard]] bool is_worth_moving(const void* pointer) noexcept;

}  // namespace granary::core
