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

}  // namespace granary::core
