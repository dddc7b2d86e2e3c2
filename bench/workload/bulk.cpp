// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bulk.cpp — 1000 objects allocated, then freed in one go.
//
// fifo, lifo, random  objects of one size, freed in that order
// cycle               sizes go round; one half is freed in each direction
// foreign             the same, but freed by the next thread
#include <utility>

#include "mailbox.hpp"

using namespace workload;

namespace {

constexpr std::size_t kObjects = 1000;
constexpr std::uint64_t kRounds = 25'000;

enum class Order { kFifo, kLifo, kRandom, kCycle, kForeign };
using Boxes = Mailboxes<kObjects>;

Order order_of(std::string_view mode) {
    if (mode == "lifo")
        return Order::kLifo;
    if (mode == "random")
        return Order::kRandom;
    if (mode == "foreign")
        return Order::kForeign;
    return mode == "cycle" ? Order::kCycle : Order::kFifo;
}

void shuffle(Boxes::Batch& batch, Random& random) {
    Slot* slots = batch.slots;
    for (std::size_t i = kObjects - 1; i > 0; --i)
        std::swap(slots[i], slots[random.below(static_cast<std::uint32_t>(i + 1))]);
}

std::uint64_t free_all(Boxes::Batch& batch, Order order) {
    std::uint64_t sum = 0;
    const std::size_t n = kObjects;
    Slot* slots = batch.slots;
    switch (order) {
        case Order::kFifo:
        case Order::kRandom:
            for (Slot& slot : batch.slots) sum += drop(slot);
            break;
        case Order::kLifo:
            for (std::size_t i = n; i-- > 0;) sum += drop(slots[i]);
            break;
        case Order::kCycle:
        case Order::kForeign:
            for (std::size_t i = 0; i < n / 2; ++i) sum += drop(slots[i]);
            for (std::size_t i = n; i-- > n / 2;) sum += drop(slots[i]);
            break;
    }
    return sum;
}

Tally work(Boxes& boxes, unsigned thread, Order order, const Options& options) {
    const auto size = static_cast<std::uint32_t>(options.size);
    const std::uint64_t rounds = options.scaled(kRounds);
    const bool cycling = order == Order::kCycle || order == Order::kForeign;
    Boxes::Batch* batch = boxes.first_batch(thread);
    Random random(options.seed + thread);
    Tally tally;
    std::uint32_t tag = 0;
    std::uint32_t cycled = 8;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (Slot& slot : batch->slots) {
            fill(slot, cycling ? cycled : size, ++tag);
            cycled = cycled >= 1024 ? 8 : cycled + 16;
        }
        if (order == Order::kRandom)
            shuffle(*batch, random);
        if (order == Order::kForeign)
            batch = boxes.exchange(thread, batch);
        tally.checksum += free_all(*batch, order);
    }
    tally.operations = rounds * kObjects;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "fifo|lifo|random|cycle|foreign");
    const Order order = order_of(options.mode);
    Boxes boxes(options.threads);
    Report report("bulk", options);
    report.start();
    Tally tally = run_threads(options.threads,
                              [&](unsigned index) { return work(boxes, index, order, options); });
    tally.checksum += boxes.drop_rest();
    report.stop();
    return report.print(tally);
}
