// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// granary_model.cpp — the model test as a program, for runs of any length.
//
// Role        granary_model [operations] [threads] [seed]: by default 10^7 operations, two threads
//             and a seed from the clock. Half of the shapes have few slots, half have many.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "../support/rng.hpp"
#include "stage.hpp"

namespace {

using namespace granary::tests;

constexpr unsigned kOpsPerRound = 16384;
constexpr uint64_t kRoundsPerShape = 48;
constexpr unsigned kSlotChoices[] = {32, 512, 4096, 32768};

double seconds_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

unsigned long long value_of(const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
}

}  // namespace

int main(int argc, char** argv) {
    const uint64_t wanted =
        argc > 1 ? static_cast<uint64_t>(std::strtod(argv[1], nullptr)) : 10'000'000;
    const unsigned threads =
        argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 2;
    const uint64_t seed = test_seed(argc > 3 ? std::strtoull(argv[3], nullptr, 0)
                                             : static_cast<uint64_t>(std::time(nullptr)));
    if (threads == 0 || threads > 32 || wanted == 0) {
        std::fprintf(stderr, "usage: granary_model [operations > 0] [threads 1..32] [seed]\n");
        return 2;
    }
    const Abi& abi = tested_abi();
    Progress& progress = make_shared_progress();
    const double start = seconds_now();
    for (uint64_t number = 0; value_of(progress.operations) < wanted; ++number) {
        ProgramShape shape;
        shape.seed = number == 0 ? seed : mix(seed + number);
        shape.threads = threads;
        shape.slots = kSlotChoices[number % (sizeof kSlotChoices / sizeof kSlotChoices[0])];
        shape.ops_per_round = kOpsPerRound;
        const uint64_t left = wanted - value_of(progress.operations);
        const uint64_t per_round = uint64_t{kOpsPerRound} * threads;
        uint64_t rounds = (left + per_round - 1) / per_round;
        if (rounds > kRoundsPerShape)
            rounds = kRoundsPerShape;
        progress.rounds.store(0, std::memory_order_relaxed);
        if (!check_shape(abi, shape, rounds, progress))
            return 1;
        std::printf("%s: %llu operations, %u slots, %.1f s\n", abi.name,
                    value_of(progress.operations), shape.slots, seconds_now() - start);
        std::fflush(stdout);
    }
    std::printf(
        "%s: %llu operations without divergence, %u threads, %.1f s; at most %llu regions, %llu "
        "bytes live; "
        "%llu threads replaced, %llu forks\n",
        abi.name, value_of(progress.operations), threads, seconds_now() - start,
        value_of(progress.peak_regions), value_of(progress.peak_bytes), value_of(progress.replaced),
        value_of(progress.forks));
    return 0;
}
