// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// calloc_mixed.cpp — 1000 slots of 8 to 16000 bytes, replaced at random by malloc, calloc and
// aligned allocation in turn, each written in full: zeroing, and reuse of 2 to 16 KiB objects.
//
// own       each thread frees what it has allocated
// handover  after every 500 replacements 250 objects go to the next thread, which frees them
#include <cstring>
#include <utility>

#include "mailbox.hpp"

using namespace workload;

namespace {

constexpr std::uint32_t kSlots = 1000;
constexpr std::uint64_t kReplacements = 400'000;
constexpr std::uint64_t kBetweenHandovers = 500;
constexpr std::size_t kHandedOver = 250;
using Boxes = Mailboxes<kHandedOver>;

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

/// Swaps a quarter of the table for what the previous thread has left.
void hand_over(MappedArray<Slot>& slots, Boxes& boxes, Boxes::Batch*& batch, unsigned thread,
               Random& random) {
    const std::uint32_t first = random.below(kSlots - kHandedOver);
    for (std::uint32_t i = 0; i < kHandedOver; ++i) std::swap(slots[first + i], batch->slots[i]);
    batch = boxes.exchange(thread, batch);
    for (std::uint32_t i = 0; i < kHandedOver; ++i) std::swap(slots[first + i], batch->slots[i]);
}

Tally work(Boxes& boxes, unsigned thread, const Options& options) {
    const std::uint64_t replacements = options.scaled(kReplacements);
    const bool handing_over = options.mode == "handover";
    Boxes::Batch* batch = boxes.first_batch(thread);
    MappedArray<Slot> slots(kSlots);
    Random random(options.seed + thread);
    Tally tally;
    for (std::uint64_t i = 0; i < replacements; ++i) {
        if (handing_over && i % kBetweenHandovers == kBetweenHandovers - 1)
            hand_over(slots, boxes, batch, thread, random);
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
    const Options options = parse_options(argc, argv, "own|handover");
    Boxes boxes(options.threads);
    Report report("calloc_mixed", options);
    report.start();
    Tally tally = run_threads(options.threads,
                              [&](unsigned index) { return work(boxes, index, options); });
    tally.checksum += boxes.drop_rest();
    report.stop();
    return report.print(tally);
}
