// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// producer_consumer.cpp — half of the threads only allocate, the other half only free: every
// free is a foreign one. Batches travel through one bounded queue per pair of threads.
#include "harness.hpp"

#include <atomic>
#include <memory>
#include <new>

using namespace workload;

namespace {

constexpr std::size_t kBatchObjects = 100;
constexpr std::uint32_t kQueueBatches = 64;
constexpr std::uint64_t kBatches = 120'000;

struct Batch {
    Slot slots[kBatchObjects];
};

/// Single producer, single consumer; both sides block, so that it works on one CPU as well.
class Queue {
public:
    Queue() : ring_(kQueueBatches) {}

    /// The next batch to fill; waits while the queue is full.
    Batch& reserve() {
        const std::uint32_t at = filled_.load(std::memory_order_relaxed);  // ORDER: own counter
        for (;;) {
            // ORDER: acquire pairs with the release in release(): the batch is ours again.
            const std::uint32_t emptied = emptied_.load(std::memory_order_acquire);
            if (at - emptied < kQueueBatches)
                return ring_[at % kQueueBatches];
            emptied_.wait(emptied, std::memory_order_acquire);
        }
    }
    void publish() {
        // ORDER: release pairs with the acquire in take(): the batch's content goes over.
        filled_.fetch_add(1, std::memory_order_release);
        filled_.notify_one();
    }
    /// The next batch to empty; waits while there is none.
    Batch& take() {
        const std::uint32_t at = emptied_.load(std::memory_order_relaxed);  // ORDER: own counter
        for (;;) {
            // ORDER: acquire pairs with the release in publish().
            const std::uint32_t filled = filled_.load(std::memory_order_acquire);
            if (filled != at)
                return ring_[at % kQueueBatches];
            filled_.wait(filled, std::memory_order_acquire);
        }
    }
    void release() {
        // ORDER: release pairs with the acquire in reserve().
        emptied_.fetch_add(1, std::memory_order_release);
        emptied_.notify_one();
    }

private:
    MappedArray<Batch> ring_;
    alignas(128) std::atomic<std::uint32_t> filled_{0};
    alignas(128) std::atomic<std::uint32_t> emptied_{0};
};

Tally produce(Queue& queue, std::uint64_t batches, std::uint64_t seed) {
    Random random(seed);
    std::uint32_t tag = 0;
    for (std::uint64_t i = 0; i < batches; ++i) {
        Batch& batch = queue.reserve();
        for (Slot& slot : batch.slots) fill(slot, random.inverse_square(16, 1024), ++tag);
        queue.publish();
    }
    return {batches * kBatchObjects, 0};
}

Tally consume(Queue& queue, std::uint64_t batches) {
    Tally tally;
    for (std::uint64_t i = 0; i < batches; ++i) {
        Batch& batch = queue.take();
        for (Slot& slot : batch.slots) tally.checksum += drop(slot);
        queue.release();
    }
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const unsigned pairs = options.threads < 2 ? 1 : options.threads / 2;
    const std::uint64_t batches = options.scaled(kBatches);
    MappedArray<Queue> queues(pairs);
    for (Queue& queue : queues) std::construct_at(&queue);
    Report report("producer_consumer", options);
    report.start();
    const Tally tally = run_threads(pairs * 2, [&](unsigned index) {
        Queue& queue = queues[index / 2];
        return index % 2 == 0 ? produce(queue, batches, options.seed + index)
                              : consume(queue, batches);
    });
    report.stop();
    return report.print(tally);
}
