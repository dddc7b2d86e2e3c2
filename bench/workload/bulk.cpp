// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bulk.cpp — 1000 objects allocated, then freed first-in-first-out, last-in-first-out, at
// random, or (cycle) with sizes that go round and one half freed in each direction.
#include "harness.hpp"

#include <utility>

using namespace workload;

namespace {

constexpr std::size_t kObjects = 1000;
constexpr std::uint64_t kRounds = 50'000;

enum class Order { kFifo, kLifo, kRandom, kCycle };

Order order_of(std::string_view mode) {
    if (mode == "lifo")
        return Order::kLifo;
    if (mode == "random")
        return Order::kRandom;
    return mode == "cycle" ? Order::kCycle : Order::kFifo;
}

void shuffle(MappedArray<Slot>& slots, Random& random) {
    for (std::size_t i = slots.size() - 1; i > 0; --i)
        std::swap(slots[i], slots[random.below(static_cast<std::uint32_t>(i + 1))]);
}

std::uint64_t free_all(MappedArray<Slot>& slots, Order order) {
    std::uint64_t sum = 0;
    const std::size_t n = slots.size();
    switch (order) {
        case Order::kFifo:
        case Order::kRandom:
            for (Slot& slot : slots) sum += drop(slot);
            break;
        case Order::kLifo:
            for (std::size_t i = n; i-- > 0;) sum += drop(slots[i]);
            break;
        case Order::kCycle:
            for (std::size_t i = 0; i < n / 2; ++i) sum += drop(slots[i]);
            for (std::size_t i = n; i-- > n / 2;) sum += drop(slots[i]);
            break;
    }
    return sum;
}

Tally work(Order order, std::uint32_t size, std::uint64_t rounds, std::uint64_t seed) {
    MappedArray<Slot> slots(kObjects);
    Random random(seed);
    Tally tally;
    std::uint32_t tag = 0;
    std::uint32_t cycled = 8;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (Slot& slot : slots) {
            fill(slot, order == Order::kCycle ? cycled : size, ++tag);
            cycled = cycled >= 1024 ? 8 : cycled + 16;
        }
        if (order == Order::kRandom)
            shuffle(slots, random);
        tally.checksum += free_all(slots, order);
    }
    tally.operations = rounds * kObjects;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "fifo|lifo|random|cycle");
    const Order order = order_of(options.mode);
    const std::uint64_t rounds = options.scaled(kRounds);
    Report report("bulk", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        return work(order, static_cast<std::uint32_t>(options.size), rounds, options.seed + index);
    });
    report.stop();
    return report.print(tally);
}
