// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// clock.hpp — monotonic time in nanoseconds.
//
// Role        Decay and statistics; core gets the time passed in and does not call this itself.
// Cost        no system call where the kernel offers a vDSO: about 20 ns, the coarse one about 5.
#pragma once

#include <cstdint>

namespace granary::os {

/// Nanoseconds since an arbitrary start; never goes back.
[[nodiscard]] uint64_t now_ns() noexcept;

/// The same clock as of the last timer tick (1 to 10 ms old), cheaper.
[[nodiscard]] uint64_t coarse_now_ns() noexcept;

}  // namespace granary::os
