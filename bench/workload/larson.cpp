// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// larson.cpp — a server in miniature, after Larson and Krishnan (1998): each thread owns
// thousands of objects of 8 to 1000 bytes, frees one at random and allocates another in its
// place; from time to time a new thread takes over and inherits the objects.
#include "harness.hpp"

using namespace workload;

namespace {

constexpr std::uint32_t kSlots = 5000;
constexpr std::uint32_t kSmallest = 8;
constexpr std::uint32_t kLargest = 1000;
constexpr std::uint64_t kReplacementsPerThread = 100'000;
constexpr std::uint64_t kGenerations = 120;

/// One lane of work: its objects and its generator outlive the threads that serve it.
struct Lane {
    explicit Lane(std::uint64_t seed) : slots(kSlots), random(seed) {}

    void replace(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            Slot& slot = slots[random.below(kSlots)];
            tally.checksum += drop(slot);
            fill(slot, random.between(kSmallest, kLargest), ++tag);
        }
        tally.operations += count;
    }

    MappedArray<Slot> slots;
    Random random;
    Tally tally;
    std::uint32_t tag = 0;
};

Tally serve(Lane& lane, std::uint64_t generations) {
    for (Slot& slot : lane.slots) fill(slot, lane.random.between(kSmallest, kLargest), ++lane.tag);
    for (std::uint64_t i = 0; i < generations; ++i)
        std::thread([&lane] { lane.replace(kReplacementsPerThread); }).join();
    for (Slot& slot : lane.slots) lane.tally.checksum += drop(slot);
    lane.tally.operations += kSlots;
    return lane.tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t generations = options.scaled(kGenerations);
    Report report("larson", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        Lane lane(options.seed + index);
        return serve(lane, generations);
    });
    report.stop();
    return report.print(tally);
}
