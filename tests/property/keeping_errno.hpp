// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// keeping_errno.hpp — calls that must leave errno alone.
#pragma once

#include <cerrno>

#include "../support/abi.hpp"
#include "../support/model_heap.hpp"

namespace granary::tests {

inline constexpr int kErrnoBefore = 0x5a5a;

/// Runs a call that must leave errno alone. The C library promises less, so it is let off.
template <typename Call>
auto keeping_errno(const char* name, Call call) {
    static const bool kPromised = is_granary(tested_abi());
    errno = kErrnoBefore;
    auto result = call();
    if (kPromised && errno != kErrnoBefore)
        diverged("%s succeeded and set errno to %d", name, errno);
    return result;
}

template <typename Call>
void keeping_errno_void(const char* name, Call call) {
    keeping_errno(name, [&] {
        call();
        return 0;
    });
}

}  // namespace granary::tests
