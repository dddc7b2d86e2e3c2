// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// request_flags.hpp — the flags of mallocx and its family as a request.
#pragma once

#include "granary/core/extended.hpp"

namespace granary::core {

namespace detail {
// The bits of `flags`.
inline constexpr unsigned kLgAlignMask = 0x3f;
inline constexpr unsigned kZero = 0x40;
inline constexpr unsigned kTcacheShift = 8;
inline constexpr unsigned kArenaShift = 20;
inline constexpr unsigned kFieldMask = 0xfff;

/// Field 0 is "automatic", 1 "none", others a number plus 2.
constexpr unsigned cache_of(unsigned flags) noexcept {
    const unsigned field = flags >> kTcacheShift & kFieldMask;
    if (field == 0)
        return kAutomaticCache;
    return field == 1 ? kNoCache : field - 2;
}
}  // namespace detail

/// Alignment in bits 0-5, zeroing 0x40, cache in bits 8-19, arena in bits 20-31.
[[nodiscard]] constexpr Request request_of(unsigned flags) noexcept {
    using namespace detail;
    const unsigned arena = flags >> kArenaShift & kFieldMask;
    return {.alignment = size_t{1} << (flags & kLgAlignMask),
            .zero = (flags & kZero) != 0,
            .arena = arena == 0 ? kNoIndex : arena - 1,
            .cache = cache_of(flags)};
}

}  // namespace granary::core
