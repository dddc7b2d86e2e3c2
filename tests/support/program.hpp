// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// program.hpp — a random program over the allocator's entry points, as plain values.
//
// Role        What the model test runs, prints and shrinks. Each thread has a row of slots; an
//             operation names a slot, never an address, and means something in every state
//             (allocating into an occupied slot frees it first, freeing an empty one does nothing),
//             so that any subset of a program is a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace granary::tests {

class Rng;

enum class OpKind : uint8_t {
    kMalloc,
    kCalloc,
    kRealloc,
    kReallocArray,
    kAlignedAlloc,
    kPosixMemalign,
    kMemalign,
    kValloc,
    kPvalloc,
    kFree,
    kFreeSized,
    kVerify,       ///< stamp, usable size and ownership of one slot
    kSend,         ///< puts the region into the mailbox of thread `argument`
    kReceive,      ///< empties the own mailbox: keeps some regions, frees the rest
    kShortThread,  ///< a thread is born, allocates, frees some of the caller's and its own, dies
    kTooLarge,     ///< requests that must fail with ENOMEM, and bad alignments
    kForeign,      ///< owns() of addresses that are not granary's
    kFlush,        ///< thread.tcache.flush
    kPurge,        ///< arena.4096.purge
    kFreeAll,      ///< frees every slot
    kMallocx,      ///< flags from `argument` and `size`: alignment, zero, arena, thread cache
    kRallocx,
    kXallocx,
    kDallocx,  ///< with or without the size, by some thread cache
    kBatch,    ///< allocates several at once, into the slots from this one on
};
inline constexpr unsigned kOpKindCount = static_cast<unsigned>(OpKind::kBatch) + 1;

/// One operation of one thread.
struct Op {
    OpKind kind = OpKind::kMalloc;
    uint8_t argument = 0;  ///< log2 of the alignment, a thread, or a variant
    uint16_t slot = 0;
    uint32_t size = 0;  ///< bytes
};

/// What all threads do between two checkpoints.
struct Round {
    std::vector<std::vector<Op>> threads;
    bool flush = false;     ///< every thread flushes its cache before the totals are compared
    bool free_all = false;  ///< everything is freed before the totals are compared
    bool fork = false;      ///< a child verifies and frees everything at the checkpoint
    uint32_t replaced = 0;  ///< bit i: thread i ends after the round, another takes its slots
};

/// A whole program and the size of its world.
struct Program {
    uint64_t seed = 0;
    unsigned threads = 1;
    unsigned slots = 256;  ///< per thread
    std::vector<Round> rounds;
};

/// What the generator is asked for.
struct ProgramShape {
    uint64_t seed = 1;
    unsigned threads = 1;
    unsigned slots = 256;
    unsigned ops_per_round = 4096;  ///< per thread
    bool may_fork = true;
};

/// One random operation.
[[nodiscard]] Op make_op(const ProgramShape& shape, Rng& rng);

/// Round number `index` of the program of this shape; independent of all other rounds.
[[nodiscard]] Round make_round(const ProgramShape& shape, uint64_t index);

[[nodiscard]] size_t count_ops(const Program& program);

/// The program as C++ that program_test.cpp and regressions can paste.
[[nodiscard]] std::string to_source(const Program& program);

/// Drops and simplifies operations while `fails` stays true, for at most `budget_s` seconds.
[[nodiscard]] Program shrink(Program program, const std::function<bool(const Program&)>& fails,
                             double budget_s);

}  // namespace granary::tests
