// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// realloc_growth.cpp — arrays that grow by realloc.
//
// geometric  one array from 64 B to 64 MiB by 1.5x, new part written
// steps      one array from 256 KiB to 64 MiB in steps of 256 KiB, new part written
// many       64 arrays in turn from 16 B to 16 KiB in steps of 16 to 128 B
#include "harness.hpp"

#include <cstring>

using namespace workload;

namespace {

constexpr std::uint32_t kMiB = 1U << 20;
constexpr std::uint32_t kLargest = 64 * kMiB;
constexpr std::uint64_t kGeometricRounds = 5;
constexpr std::uint64_t kStepsRounds = 2;
constexpr std::uint64_t kManyRounds = 500;
constexpr std::uint32_t kArrays = 64;

/// Grows the slot and checks that realloc carried both ends of the old content over.
void grow(Slot& slot, std::uint32_t size, Tally& tally) {
    const std::uint32_t old_size = slot.size;
    auto* moved = static_cast<unsigned char*>(std::realloc(slot.pointer, size));
    if (moved == nullptr)
        fail("out of memory", nullptr);
    escape(moved);
    if (old_size != 0)
        check(moved, old_size, slot.tag);
    std::memset(moved + old_size, static_cast<int>(slot.tag & 0xFF), size - old_size);
    slot = {moved, size, slot.tag + 1};
    stamp(moved, size, slot.tag);
    ++tally.operations;
}

/// One array per round. `step` 0 means a factor of 1.5.
Tally one_array(std::uint64_t rounds, std::uint32_t first, std::uint32_t step) {
    Tally tally;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        Slot slot{};
        for (std::uint32_t size = first; size <= kLargest;
             size = step == 0 ? size + size / 2 : size + step)
            grow(slot, size, tally);
        tally.checksum += drop(slot);
    }
    return tally;
}

Tally many_arrays(std::uint64_t rounds, std::uint64_t seed) {
    MappedArray<Slot> slots(kArrays);
    Random random(seed);
    Tally tally;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        // Tags of different arrays must differ, or one would pass for another.
        for (std::uint32_t a = 0; a < kArrays; ++a) slots[a] = {nullptr, 0, a << 24};
        for (std::uint32_t size = 16; size < 16384;) {
            for (Slot& slot : slots) grow(slot, slot.size + 16 * random.between(1, 8), tally);
            size += 128;
        }
        for (Slot& slot : slots) tally.checksum += drop(slot);
    }
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "geometric|steps|many");
    const std::string_view mode = options.mode;
    const std::uint64_t rounds = options.scaled(mode == "geometric" ? kGeometricRounds
                                                : mode == "steps"   ? kStepsRounds
                                                                    : kManyRounds);
    Report report("realloc_growth", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        if (mode == "geometric")
            return one_array(rounds, 64, 0);
        if (mode == "steps")
            return one_array(rounds, kMiB / 4, kMiB / 4);
        return many_arrays(rounds, options.seed + index);
    });
    report.stop();
    return report.print(tally);
}
