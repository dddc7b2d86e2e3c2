// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// phases.cpp — how memory follows a program whose needs change.
//
// growth  96 MiB of live objects, 16 B to 8 KiB with density 1/size², all written; resident
//         memory is sampled while all of them live: what a live byte costs
// shrink  the same, then seven of eight are freed at random and a second goes by with a little
//         traffic; resident memory is sampled at the end: what a survivor costs
// change  48 MiB of 32 B, 256 B, 4 KiB, 64 KiB, 2 MiB and mixed objects in turn, each freed before
//         the next: peak memory tells how much of one phase serves the next
#include <chrono>
#include <cstring>

#include "harness.hpp"

using namespace workload;

namespace {

constexpr std::uint64_t kLiveBytes = 96ULL << 20;
constexpr std::uint32_t kSmallest = 16;
constexpr std::uint32_t kLargest = 8192;
constexpr std::uint64_t kPhaseBytes = 48ULL << 20;
constexpr std::uint32_t kPhaseSizes[] = {32, 256, 4096, 65536, 2U << 20, 0};  // 0: mixed
constexpr int kQuietSteps = 10;
constexpr auto kQuietStep = std::chrono::milliseconds(100);

/// Fills slots until their sizes add up to `bytes`. @return how many.
std::size_t grow(MappedArray<Slot>& slots, std::uint64_t bytes, std::uint32_t size, Random& random,
                 Tally& tally) {
    std::size_t live = 0;
    for (std::uint64_t sum = 0; sum < bytes; ++live) {
        const std::uint32_t wanted =
            size != 0 ? size : random.inverse_square(kSmallest, kLargest);
        fill(slots[live], wanted, static_cast<std::uint32_t>(live + 1));
        std::memset(slots[live].pointer + 4, 0x5A, wanted - 8);
        sum += wanted;
    }
    tally.operations += live;
    return live;
}

std::uint64_t drop_all(MappedArray<Slot>& slots, std::size_t live) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < live; ++i) sum += drop(slots[i]);
    return sum;
}

/// Most allocators look at the clock only when they are called.
void little_traffic() {
    for (int step = 0; step < kQuietSteps; ++step) {
        std::this_thread::sleep_for(kQuietStep);
        for (std::uint32_t size = 8; size <= 65536; size *= 2) std::free(allocate(size));
    }
}

Tally live_set(const Options& options, unsigned thread, Report* report) {
    const std::uint64_t bytes = options.scaled(kLiveBytes);
    const bool shrinking = options.mode == "shrink";
    MappedArray<Slot> slots(bytes / kSmallest + 1);
    Random random(options.seed + thread);
    Tally tally;
    const std::size_t live = grow(slots, bytes, 0, random, tally);
    if (shrinking) {
        for (std::size_t i = 0; i < live; ++i)
            if (random.below(8) != 0)
                tally.checksum += drop(slots[i]);
        little_traffic();
    }
    if (report != nullptr)
        report->mark_steady();
    tally.checksum += drop_all(slots, live);
    return tally;
}

Tally change(const Options& options, unsigned thread) {
    const std::uint64_t bytes = options.scaled(kPhaseBytes);
    MappedArray<Slot> slots(bytes / kSmallest + 1);
    Random random(options.seed + thread);
    Tally tally;
    for (const std::uint32_t size : kPhaseSizes) {
        const std::size_t live = grow(slots, bytes, size, random, tally);
        tally.checksum += drop_all(slots, live);
    }
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "growth|shrink|change");
    Report report("phases", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        return options.mode == "change"
                   ? change(options, index)
                   : live_set(options, index, index == 0 ? &report : nullptr);
    });
    report.stop();
    return report.print(tally);
}
