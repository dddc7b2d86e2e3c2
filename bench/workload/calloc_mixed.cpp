// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// calloc_mixed.cpp — 1000 slots of 8 to 16000 bytes, replaced at random by malloc, calloc and
// aligned allocation in turn, each written in full: zeroing, and reuse of 2 to 16 KiB objects.
#include "harness.hpp"

#include <cstring>

using namespace workload;

namespace {

constexpr std::uint32_t kSlots = 1000;
constexpr std::uint64_t kReplacements = 2'000'000;

unsigned char* allocate_zeroed(std::uint32_t size) {
    auto* pointer = static_cast<unsigned char*>(std::calloc(1, size));
    if (pointer == nullptr)
        fail("out of memory", nullptr);
    escape(pointer);
    // One byte of every cache line and the last one; the lines are written right after anyway.
    unsigned seen = pointer[size - 1];
    for (std::uint32_t i = 0; i < size; i += 64) seen |= pointer[i];
    if (seen != 0)
        fail("calloc returned memory that is not zero", pointer);
    return pointer;
}

unsigned char* allocate_aligned(std::size_t alignment, std::uint32_t size) {
    void* pointer = nullptr;
    if (posix_memalign(&pointer, alignment, size) != 0)
        fail("out of memory", nullptr);
    escape(pointer);
    if (reinterpret_cast<std::uintptr_t>(pointer) % alignment != 0)
        fail("posix_memalign returned an unaligned address", pointer);
    return static_cast<unsigned char*>(pointer);
}

Tally work(std::uint64_t replacements, std::uint64_t seed) {
    MappedArray<Slot> slots(kSlots);
    Random random(seed);
    Tally tally;
    for (std::uint64_t i = 0; i < replacements; ++i) {
        Slot& slot = slots[random.below(kSlots)];
        tally.checksum += drop(slot);
        const std::uint32_t size = random.between(8, 16000);
        const auto tag = static_cast<std::uint32_t>(i + 1);
        const std::uint32_t kind = random.below(16);
        unsigned char* pointer = kind < 7    ? allocate(size)
                                 : kind < 14 ? allocate_zeroed(size)
                                 : kind < 15 ? allocate_aligned(64, size)
                                             : allocate_aligned(4096, size);
        std::memset(pointer, static_cast<int>(tag & 0xFF), size);
        slot = {pointer, size, tag};
        stamp(pointer, size, tag);
    }
    for (Slot& slot : slots) tally.checksum += drop(slot);
    tally.operations = replacements;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t replacements = options.scaled(kReplacements);
    Report report("calloc_mixed", options);
    report.start();
    const Tally tally = run_threads(
        options.threads, [&](unsigned index) { return work(replacements, options.seed + index); });
    report.stop();
    return report.print(tally);
}
