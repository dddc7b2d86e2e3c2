// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// background.hpp — the purging threads: whether, how many, and what they did.
//
// Role        Beside control.hpp's set_background_thread().
#pragma once

#include <cstddef>
#include <cstdint>

namespace granary::core {

/// Most threads that may be asked for.
inline constexpr uint32_t kMostBackgroundThreads = 32;

/// Most purging threads; there are fewer while there are few arenas.
[[nodiscard]] uint32_t max_background_threads() noexcept;
/// 0: none at all. @return false if `most` is above what the options allowed at start.
bool set_max_background_threads(uint32_t most) noexcept;

/// Ends the purging threads for good, with the process.
void stop_background_threads() noexcept;

struct BackgroundSnapshot {
    size_t threads = 0;        ///< running now
    uint64_t runs = 0;         ///< passes, of all threads ever
    uint64_t interval_ns = 0;  ///< between the last two passes of one thread, on average
};
[[nodiscard]] BackgroundSnapshot background_snapshot() noexcept;

}  // namespace granary::core
