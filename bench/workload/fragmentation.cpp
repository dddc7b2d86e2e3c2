// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fragmentation.cpp — phases: 16 MiB of one size, seven of eight freed at random, then another
// size. Survivors pin what they lie in; peak memory tells how much of the rest is used again.
// Resident memory is sampled at the end of the last phase, with the survivors alive.
#include "harness.hpp"

using namespace workload;

namespace {

constexpr std::uint32_t kPhaseBytes = 16U << 20;
constexpr std::uint32_t kSizes[] = {64, 96, 160, 320, 48, 1024, 224, 2048, 80, 512, 4096, 128};
constexpr std::uint32_t kSmallest = 48;
constexpr std::uint64_t kRounds = 4;

/// Frees seven of eight objects and closes the ranks. @return how many survive.
std::size_t thin_out(MappedArray<Slot>& slots, std::size_t live, Random& random, Tally& tally) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < live; ++i) {
        if (random.below(8) == 0) {
            slots[kept++] = slots[i];
        } else {
            tally.checksum += drop(slots[i]);
        }
    }
    return kept;
}

Tally work(std::uint64_t rounds, std::uint64_t seed, Report* report) {
    // Room for one full phase beside the survivors of all earlier ones (a geometric series).
    MappedArray<Slot> slots(2 * (kPhaseBytes / kSmallest) + 1024);
    Random random(seed);
    Tally tally;
    std::uint32_t tag = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        std::size_t live = 0;
        for (const std::uint32_t size : kSizes) {
            const std::uint32_t count = kPhaseBytes / size;
            for (std::uint32_t i = 0; i < count; ++i) fill(slots[live++], size, ++tag);
            tally.operations += count;
            live = thin_out(slots, live, random, tally);
        }
        if (report != nullptr && round + 1 == rounds)
            report->mark_steady();
        for (std::size_t i = 0; i < live; ++i) tally.checksum += drop(slots[i]);
    }
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t rounds = options.scaled(kRounds);
    Report report("fragmentation", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        return work(rounds, options.seed + index, index == 0 ? &report : nullptr);
    });
    report.stop();
    return report.print(tally);
}
