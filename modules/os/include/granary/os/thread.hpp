// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread.hpp — identity, end, birth and fork of threads.
//
// Role        The thread-exit hook is one of the two upward edges: os calls what core registered.
// Owns        one pthread key and one set of fork handlers per process.
#pragma once

#include <cstdint>

namespace granary::os {

/// The kernel's id of the calling thread. Cost: a system call.
[[nodiscard]] uint32_t thread_id() noexcept;

/// Makes `hook` run at the end of every thread that armed it. Call once, early: keys made late
/// cost the C library an allocation per thread. False if no key is left, or if a hook is there.
[[nodiscard]] bool register_thread_exit(void (*hook)(void*)) noexcept;

/// Arms the hook for the calling thread with a value that is not nullptr; arming again replaces
/// it, nullptr disarms. The hook runs once; armed again from within a hook of another key, it runs
/// again, for a few rounds. False if there is no hook, or the C library had no memory.
[[nodiscard]] bool arm_thread_exit(void* value) noexcept;

/// A joinable thread made by spawn_thread().
struct Thread {
    uint64_t handle = 0;
    bool joinable = false;
};

/// Starts a thread with a small stack and all signals blocked, for maintenance.
///
/// @param thread   receives the handle to join; nullptr starts a detached thread.
/// @return         false if the system has no room for a thread.
/// Locks           the C library allocates and locks in here: hold no lock of granary's.
[[nodiscard]] bool spawn_thread(void (*body)(void*), void* argument,
                                Thread* thread = nullptr) noexcept;

/// Waits for the thread's end; false if it was not joinable (any more).
bool join_thread(Thread& thread) noexcept;

/// Registers what fork() calls before it and after it, in the parent and in the child.
/// False if the C library had no memory.
[[nodiscard]] bool register_fork_handlers(void (*prepare)(), void (*parent)(),
                                          void (*child)()) noexcept;

}  // namespace granary::os
