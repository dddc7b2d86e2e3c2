// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// large_blocks.cpp — 20 live objects of 5 to 25 MiB, replaced at random and fully written:
// reuse, coalescing, purging too early, and pages zeroed twice.
#include "harness.hpp"

#include <cstring>

using namespace workload;

namespace {

constexpr std::uint32_t kSlots = 20;
constexpr std::uint32_t kMiB = 1U << 20;
constexpr std::uint64_t kReplacements = 80;

Tally work(std::uint64_t replacements, std::uint64_t seed) {
    MappedArray<Slot> slots(kSlots);
    Random random(seed);
    Tally tally;
    for (std::uint64_t i = 0; i < replacements; ++i) {
        Slot& slot = slots[random.below(kSlots)];
        tally.checksum += drop(slot);
        const std::uint32_t size = random.between(5 * kMiB, 25 * kMiB);
        const auto tag = static_cast<std::uint32_t>(i + 1);
        slot = {allocate(size), size, tag};
        std::memset(slot.pointer, static_cast<int>(tag & 0xFF), size);
        stamp(slot.pointer, size, tag);
        escape(slot.pointer);
    }
    for (Slot& slot : slots) tally.checksum += drop(slot);
    tally.operations = replacements;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t replacements = options.scaled(kReplacements);
    Report report("large_blocks", options);
    report.start();
    const Tally tally = run_threads(
        options.threads, [&](unsigned index) { return work(replacements, options.seed + index); });
    report.stop();
    return report.print(tally);
}
