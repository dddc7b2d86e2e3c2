// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fork_support.hpp — children of the test program.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "granary/core/lifecycle.hpp"

namespace granary::core::tests {

/// Once in a process, whichever tests are in it.
inline void register_fork_hooks() {
    static const bool kRegistered = (register_process_hooks(), true);
    static_cast<void>(kRegistered);
}

/// Runs `body` in a child; true if it ended well.
template <class Body>
[[nodiscard]] bool child_succeeds(Body body) {
    const pid_t child = fork();
    if (child == 0)
        _exit(body() ? 0 : 1);
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

}  // namespace granary::core::tests
