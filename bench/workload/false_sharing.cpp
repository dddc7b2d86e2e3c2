// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// false_sharing.cpp — each thread writes its own small object a thousand times per allocation.
//
// active   objects that the threads allocate themselves: two threads may get halves of one line
// passive  each thread first frees an object that the main thread made beside those of the other
//          threads: an allocator that hands that one out again makes two threads write one cache
//          line for good
#include "harness.hpp"

using namespace workload;

namespace {

constexpr std::uint32_t kSize = 16;
constexpr std::uint64_t kAllocations = 200'000;
constexpr std::uint32_t kWrites = 1000;

Tally work(Slot& inherited, std::uint64_t allocations) {
    Tally tally;
    tally.checksum += drop(inherited);
    for (std::uint64_t i = 0; i < allocations; ++i) {
        const auto tag = static_cast<std::uint32_t>(i);
        Slot slot{};
        fill(slot, kSize, tag);
        auto* counter = reinterpret_cast<volatile std::uint32_t*>(slot.pointer + 4);
        *counter = 0;
        for (std::uint32_t write = 0; write < kWrites; ++write) *counter = *counter + 1;
        if (*counter != kWrites)
            fail("counter overwritten", slot.pointer);
        tally.checksum += drop(slot);
    }
    tally.operations = allocations;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "active|passive");
    const std::uint64_t allocations = options.scaled(kAllocations);
    MappedArray<Slot> inherited(options.threads);
    if (options.mode == "passive")
        for (Slot& slot : inherited) fill(slot, kSize, 7);
    Report report("false_sharing", options);
    report.start();
    const Tally tally = run_threads(
        options.threads, [&](unsigned index) { return work(inherited[index], allocations); });
    report.stop();
    return report.print(tally);
}
