// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// clock.cpp — clock_gettime of the C library, which reads the vDSO without a system call.
#include <granary/os/clock.hpp>

#include <ctime>

namespace granary::os {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

uint64_t read_clock(clockid_t clock) noexcept {
    timespec time{};
    clock_gettime(clock, &time);  // these two clocks exist on every kernel, so it cannot fail
    return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

uint64_t now_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }

uint64_t coarse_now_ns() noexcept { return read_clock(CLOCK_MONOTONIC_COARSE); }

}  // namespace granary::os
