// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// hooked_flags.hpp — what HookedPages remembers of a free piece, in a field that only runs use.
#pragma once

#include <cstdint>

#include "meta/extent.hpp"

namespace granary::core::hooked {

inline constexpr uint8_t kZeroed = 1;
inline constexpr uint8_t kCommitted = 2;
inline constexpr uint8_t kWhole = 4;

inline void set_flags(Extent& extent, bool zeroed, bool committed, bool whole) noexcept {
    extent.bucket = static_cast<uint8_t>((zeroed ? kZeroed : 0) | (committed ? kCommitted : 0) |
                                         (whole ? kWhole : 0));
}
[[nodiscard]] inline bool is_zeroed(const Extent& extent) noexcept {
    return (extent.bucket & kZeroed) != 0;
}
[[nodiscard]] inline bool is_committed(const Extent& extent) noexcept {
    return (extent.bucket & kCommitted) != 0;
}
/// True if its split was refused.
[[nodiscard]] inline bool is_whole(const Extent& extent) noexcept {
    return (extent.bucket & kWhole) != 0;
}

}  // namespace granary::core::hooked
