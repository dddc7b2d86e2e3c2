// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// env.hpp — the environment, read without the C library's lock.
//
// Role        Option text at start-up. Nothing is written, ever.
#pragma once

namespace granary::os {

/// True in a program that runs with more rights than its caller (set-user-id and the like): what
/// the caller put into the environment must not steer it.
[[nodiscard]] bool is_secure_mode() noexcept;

/// The value of an environment variable; nullptr if it is not set, if the environment is not there
/// yet (very early in a process), or in secure mode. Points into the environment: copy what must
/// survive a setenv().
[[nodiscard]] const char* environment(const char* name) noexcept;

}  // namespace granary::os
