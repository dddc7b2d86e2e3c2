// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// futex.cpp — the private futex of Linux.
#include <granary/os/futex.hpp>

#include <linux/futex.h>
#include <climits>
#include <ctime>

#include "linux/raw_syscall.hpp"

namespace granary::os {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
static_assert(std::atomic<uint32_t>::is_always_lock_free);

constexpr uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) noexcept {
    raw::call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr);
}

void futex_wait_for(std::atomic<uint32_t>& word, uint32_t expected, uint64_t timeout_ns) noexcept {
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(timeout_ns / kNsPerSecond);
    timeout.tv_nsec = static_cast<long>(timeout_ns % kNsPerSecond);
    raw::call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, &timeout);
}

void futex_wake(std::atomic<uint32_t>& word, uint32_t count) noexcept {
    // The kernel counts in int, and takes a negative count for one.
    const uint32_t most = count < INT_MAX ? count : static_cast<uint32_t>(INT_MAX);
    raw::call(SYS_futex, &word, FUTEX_WAKE_PRIVATE, most);
}

void futex_wake_all(std::atomic<uint32_t>& word) noexcept { futex_wake(word, INT_MAX); }

}  // namespace granary::os
