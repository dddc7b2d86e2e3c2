// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// churn.cpp — random replacement in a table of live objects.
//
// mixed    8192 objects, 8 B to 32 KiB with density 1/size², every byte written
// compact  the same with 1024 objects: all of them stay in the caches
// skewed   262144 objects, mostly 8 to 32 bytes, four of five replacements in a fifth of the
//          table, every byte written and read: caches and TLB decide
#include "harness.hpp"

#include <cstring>

using namespace workload;

namespace {

constexpr std::uint32_t kMixedSlots = 8192;
constexpr std::uint32_t kCompactSlots = 1024;
constexpr std::uint64_t kMixedReplacements = 10'000'000;
constexpr std::uint32_t kSkewedSlots = 262'144;
constexpr std::uint64_t kSkewedReplacements = 2'500'000;

/// Stamps both ends and fills what lies between with the low byte of the tag.
void fill_fully(Slot& slot, std::uint32_t size, std::uint32_t tag) {
    slot = {allocate(size), size, tag};
    std::memset(slot.pointer, static_cast<int>(tag & 0xFF), size);
    stamp(slot.pointer, size, tag);
}

Tally mixed(std::uint32_t table, std::uint64_t replacements, std::uint64_t seed) {
    MappedArray<Slot> slots(table);
    Random random(seed);
    Tally tally;
    for (std::uint64_t i = 0; i < replacements; ++i) {
        Slot& slot = slots[random.below(table)];
        tally.checksum += drop(slot);
        fill_fully(slot, random.inverse_square(8, 32768), static_cast<std::uint32_t>(i + 1));
    }
    for (Slot& slot : slots) tally.checksum += drop(slot);
    tally.operations = replacements;
    return tally;
}

/// Reads every byte between the stamps; ends the program if one is not the tag's low byte.
void read_fully(const Slot& slot) {
    if (slot.pointer == nullptr || slot.size <= 8)
        return;
    unsigned difference = 0;
    for (std::uint32_t i = 4; i < slot.size - 4; ++i)
        difference |= slot.pointer[i] ^ (slot.tag & 0xFF);
    if (difference != 0)
        fail("content overwritten", slot.pointer);
}

Tally skewed(std::uint64_t replacements, std::uint64_t seed) {
    MappedArray<Slot> slots(kSkewedSlots);
    Random random(seed);
    Tally tally;
    for (std::uint64_t i = 0; i < replacements; ++i) {
        const bool hot = random.below(5) != 0;
        const std::uint32_t index =
            hot ? random.below(kSkewedSlots / 5) : random.below(kSkewedSlots);
        const std::uint32_t size =
            random.below(64) == 0 ? random.between(33, 1024) : random.between(8, 32);
        Slot& slot = slots[index];
        read_fully(slot);
        tally.checksum += drop(slot);
        fill_fully(slot, size, static_cast<std::uint32_t>(i + 1));
    }
    for (Slot& slot : slots) tally.checksum += drop(slot);
    tally.operations = replacements;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "mixed|compact|skewed");
    const bool is_skewed = options.mode == "skewed";
    const bool is_compact = options.mode == "compact";
    const std::uint64_t work = options.scaled(is_skewed ? kSkewedReplacements : kMixedReplacements);
    Report report("churn", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        const std::uint64_t seed = options.seed + index;
        if (is_skewed)
            return skewed(work, seed);
        return is_compact ? mixed(kCompactSlots, work, seed) : mixed(kMixedSlots, work, seed);
    });
    report.stop();
    return report.print(tally);
}
