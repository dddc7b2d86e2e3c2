// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// status.hpp — how a call that returns no pointer says how it went.
#pragma once

#include <string_view>

namespace granary::base {

// clang-format 14 would take the attribute for an expression.
// clang-format off
enum class [[nodiscard]] Status {
    ok,
    out_of_memory,  ///< the system gave no more; everything is as before the call
    invalid,        ///< an argument is outside its contract
    not_found,      ///< no such name, index or address
    read_only,      ///< may be asked for but not set
    busy,           ///< cannot be done while the thing is in use
    unsupported,    ///< this system or this build cannot
};
// clang-format on

[[nodiscard]] constexpr bool is_ok(Status status) noexcept { return status == Status::ok; }

/// The name of a status in lower-case words, for messages.
[[nodiscard]] constexpr std::string_view name_of(Status status) noexcept {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::out_of_memory:
            return "out of memory";
        case Status::invalid:
            return "invalid";
        case Status::not_found:
            return "not found";
        case Status::read_only:
            return "read only";
        case Status::busy:
            return "busy";
        case Status::unsupported:
            return "unsupported";
    }
    return "unknown";
}

}  // namespace granary::base
