// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// futex.hpp — sleep until a 32-bit word changes, and wake who sleeps.
//
// Role        The sleeping half of Mutex and of the background thread. Private to the process.
// Invariants  U1  a wait may return for no reason: callers look at the word again, in a loop.
//             U2  errno is untouched.
#pragma once

#include <atomic>
#include <cstdint>

namespace granary::os {

/// Sleeps while `word` is `expected`; returns at once if it is not.
void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) noexcept;

/// The same, for at most `timeout_ns` nanoseconds.
void futex_wait_for(std::atomic<uint32_t>& word, uint32_t expected, uint64_t timeout_ns) noexcept;

/// Wakes at most `count` sleepers.
void futex_wake(std::atomic<uint32_t>& word, uint32_t count) noexcept;

/// Wakes all sleepers.
void futex_wake_all(std::atomic<uint32_t>& word) noexcept;

}  // namespace granary::os
