// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// actor.hpp — one thread's part of a program: its slots, its model, its mailbox.
//
// Role        Turns operations into calls and verifies each result against the contract:
//             alignment, usable size, zeroing, contents kept by realloc, errno, ownership.
// Invariants  A1  a slot holds nothing (heap_.nowhere()) or an entry of heap_; no entry is in two.
//             A2  every entry of heap_ is in a slot.
// Locking     mailbox_mutex_ guards mailbox_; the rest is used by the acting thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "../support/abi.hpp"
#include "../support/model_heap.hpp"
#include "../support/program.hpp"

namespace granary::tests {

class Actor;
using Cast = std::vector<std::unique_ptr<Actor>>;

/// See the file card.
class Actor {
public:
    /// @param cast  everyone that regions can be sent to; outlives the actor.
    Actor(const Abi& abi, const Cast& cast, unsigned slots, uint64_t seed);

    void act(const Op& op);

    /// Frees every region, those in the mailbox too.
    void free_all();

    /// Verifies every stamp without freeing anything.
    void verify_all() const;

    /// Gives a region to this actor; any thread may call it.
    void deliver(ModelHeap::Entry entry);

    /// Delivers every region to `heir`: what a thread leaves behind when it ends.
    void bequeath(Actor& heir);

    /// Calls `visit(region)` for every region; only while no thread acts.
    template <typename Visit>
    void for_each_region(Visit visit) const {
        for (const auto& [address, region] : heap_.regions()) visit(region);
        for (const ModelHeap::Entry& entry : mailbox_) visit(entry.mapped());
    }

private:
    struct Request {
        size_t size = 0;
        size_t alignment = 0;
        Origin origin = Origin::kPlain;
        bool zeroed = false;
    };

    void allocate(const Op& op);
    void* call_aligned(const Op& op, Request& request);
    void* call_plain(const Op& op, Request& request);
    void reallocate(const Op& op);
    void allocate_with_flags(const Op& op);
    void reallocate_with_flags(const Op& op);
    void resize_in_place(const Op& op);
    void release_with_flags(const Op& op);
    void allocate_batch(const Op& op);
    void release(unsigned slot, bool sized);
    void free_region(const Region& region, bool sized);
    void verify(unsigned slot);
    void send(const Op& op);
    void receive();
    void host_short_thread(const Op& op);
    void request_too_much(const Op& op);
    void ask_about_foreign_addresses(const Op& op);
    Region accept(void* pointer, const Request& request);
    void check_zeroed(const Region& region);
    [[nodiscard]] size_t bounded(size_t size) const;

    const Abi& abi_;
    const Cast& cast_;
    ModelHeap heap_;
    std::vector<ModelHeap::Place> slots_;
    Rng rng_;  // choices that are not worth an operand
    uint64_t next_stamp_;
    std::mutex mailbox_mutex_;
    std::vector<ModelHeap::Entry> mailbox_;
};

}  // namespace granary::tests
