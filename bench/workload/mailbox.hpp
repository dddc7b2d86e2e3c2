// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mailbox.hpp — batches of objects that go round between threads without anybody waiting.
//
// Role        Every thread has one box. It leaves a full batch in the next thread's box and takes
//             what lay there: an empty batch at first, another thread's objects later. With one
//             thread the objects come back one exchange later.
// Invariants  M1  A batch is in one box or in one thread's hands, never in both; so each object
//                 is dropped exactly once, and the sum of tags does not depend on the schedule.
#pragma once

#include <atomic>

#include "harness.hpp"

namespace workload {

template <std::size_t kBatch>
class Mailboxes {
public:
    struct Batch {
        Slot slots[kBatch];
    };

    explicit Mailboxes(unsigned threads) : batches_(2 * std::size_t{threads}), boxes_(threads) {
        for (unsigned i = 0; i < threads; ++i)
            boxes_[i].batch.store(&batches_[threads + i], std::memory_order_relaxed);  // ORDER: alone
    }

    /// The batch that a thread begins with; all its slots are empty.
    Batch* first_batch(unsigned thread) { return &batches_[thread]; }

    /// Leaves a batch for the next thread and takes the one that lies there.
    Batch* exchange(unsigned thread, Batch* full) {
        Box& box = boxes_[(thread + 1) % boxes_.size()];
        // ORDER: acq_rel, the content goes over together with the pointer, both ways.
        return box.batch.exchange(full, std::memory_order_acq_rel);
    }

    /// Drops what still lies in the boxes, once all threads have ended. @return the tags' sum.
    std::uint64_t drop_rest() {
        std::uint64_t sum = 0;
        for (Batch& batch : batches_)
            for (Slot& slot : batch.slots) sum += drop(slot);
        return sum;
    }

private:
    struct alignas(128) Box {
        std::atomic<Batch*> batch;
    };
    MappedArray<Batch> batches_;
    MappedArray<Box> boxes_;
};

}  // namespace workload
