// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stage.hpp — performs programs with several threads and compares totals at checkpoints.
//
// Role        A divergence ends the process (model_heap.hpp), so programs are performed in a
//             child: the parent learns the round in which it died, shrinks and prints.
// Invariants  G1  every region is in exactly one actor's heap or mailbox.
//             G2  at a checkpoint all threads are parked, no two regions overlap, and
//                 the statistics are those of the live regions (accounting.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "../support/abi.hpp"
#include "../support/program.hpp"

namespace granary::tests {

/// Written by the child that performs, read by its parent; lives in shared memory.
struct Progress {
    std::atomic<uint64_t> rounds{0};      ///< started
    std::atomic<uint64_t> operations{0};  ///< of finished rounds
    std::atomic<uint64_t> peak_bytes{0};  ///< most usable bytes live at a checkpoint
    std::atomic<uint64_t> peak_regions{0};
    std::atomic<uint64_t> forks{0};     ///< children that verified and freed everything
    std::atomic<uint64_t> replaced{0};  ///< threads that ended between rounds
};

/// A Progress in memory that forked children share; never released.
[[nodiscard]] Progress& make_shared_progress();

/// Performs a program in this process; returns if nothing diverged.
void perform(const Abi& abi, const Program& program, Progress& progress);

/// Performs `rounds` rounds of a shape, each generated when it is due.
void perform_generated(const Abi& abi, const ProgramShape& shape, uint64_t rounds,
                       Progress& progress);

/// Runs `body` in a child. To be called while the process has one thread.
/// @param quiet  true throws the child's stderr away.
/// @return true if the child came to the end of `body`.
[[nodiscard]] bool survives(const std::function<void()>& body, bool quiet);

/// Performs a shape in a child; on a divergence shrinks the program and prints it.
/// @return true if nothing diverged.
[[nodiscard]] bool check_shape(const Abi& abi, const ProgramShape& shape, uint64_t rounds,
                               Progress& progress);

}  // namespace granary::tests
