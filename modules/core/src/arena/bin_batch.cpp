// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bin_batch.cpp — Arena and Bin: many regions at once, and how well a run is used.
#include <algorithm>
#include <bit>
#include <cstring>

#include <granary/base/bits.hpp>

#include "arena/arena.hpp"
#include "arena/run.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

/// The live run with this tag that the region lies in; nullptr if it lies in none (any more).
const Extent* find_run(const void* region, uint32_t tag) noexcept {
    const detail::PageEntry* entry = detail::find_entry(base::address_of(region));
    const bool is_ours = entry != nullptr && entry->tag.load(std::memory_order_relaxed) == tag;
    return is_ours ? PageMap::extent_of(*entry) : nullptr;
}

}  // namespace

size_t Bin::take_many(void** out, size_t count, Magazine*& empties) noexcept {
    ScopedLock lock(mutex_);
    size_t done = 0;
    while (done < count && parked_count_ != 0) {
        Magazine* magazine = parked_.front();
        const size_t held = magazine->size();
        const size_t taken = std::min(held, count - done);
        std::memcpy(out + done, magazine->first() + (held - taken), taken * sizeof(void*));
        done += taken;
        magazine->set_size(static_cast<uint32_t>(held - taken));
        if (taken != held)
            break;
        magazine = take_parked_locked();
        magazine->next = empties;
        empties = magazine;
    }
    while (done < count) {
        const size_t filled = fill_locked(out + done, count - done);
        if (filled == 0)
            break;
        std::reverse(out + done, out + done + filled);  // rising addresses, as they are used
        done += filled;
    }
    return done;
}

bool Bin::look_at(const void* region, RunView& out) noexcept {
    ScopedLock lock(mutex_);
    const Extent* run = find_run(region, owner_key_ | size_class_);
    if (run == nullptr)
        return false;
    const size_t regions = kSizeClasses[size_class_].run_regions;
    const Extent* next = next_run_locked();
    out.next_run = next == nullptr ? 0 : next->base;
    out.free_regions = regions - run::taken(*run);
    out.regions = regions;
    out.run_bytes = run->bytes;
    out.bin_regions = runs_ * regions;
    out.bin_free_regions = out.bin_regions - taken_;
    return true;
}

/// The run that the next region comes from.
const Extent* Bin::next_run_locked() const noexcept {
    return nonempty_ != 0 ? buckets_[static_cast<size_t>(std::countr_zero(nonempty_))].front()
                          : current_;
}

bool Bin::is_worth_moving(const void* region, bool& recount) noexcept {
    ScopedLock lock(mutex_);
    const Extent* run = find_run(region, owner_key_ | size_class_);
    // What moves goes where the next region comes from; and a full run is as it should be.
    if (run == nullptr || run == next_run_locked() || run == current_ || run->free_regions == 0)
        return false;
    recount = questions_-- == 0;
    if (recount) {
        nonfull_runs_ = 0;
        nonfull_taken_ = 0;
        for (const ExtentList& bucket : buckets_) {
            for (const Extent& nonfull : bucket) {
                ++nonfull_runs_;
                nonfull_taken_ += run::taken(nonfull);
            }
        }
        questions_ = nonfull_runs_ / 4;
    }
    // At or below the average; an eighth more, so that runs of equal use do not all stay.
    return run::taken(*run) * nonfull_runs_ <= nonfull_taken_ + nonfull_taken_ / 8;
}

size_t Arena::allocate_many(unsigned size_class, void** out, size_t count) noexcept {
    Bin& bin = bins_[size_class];
    // ORDER: relaxed, as in refill().
    if (inbox_.load(std::memory_order_relaxed) != nullptr)
        drain_inbox();
    size_t done = 0;
    for (;;) {
        Magazine* empties = nullptr;
        done += bin.take_many(out + done, count - done, empties);
        discard(empties);
        if (done == count)
            return done;
        Extent* run = make_run(size_class, Growth::allowed);
        if (run == nullptr)
            return done;
        if (!bin.adopt(run)) {  // another thread of a shared arena was faster
            PageMap::clear_entries(run->base, run->bytes >> kPageShift);
            pages_.release(run, 0);
        }
    }
}

bool Arena::is_worth_moving(unsigned size_class, const void* region) noexcept {
    bool recounted = false;
    const bool worth = bins_[size_class].is_worth_moving(region, recounted);
    if (recounted) {
        // Parked regions hide how empty runs are; once per count they go back to them.
        ExtentList released;
        Magazine* empties = nullptr;
        bins_[size_class].age(true, released, empties);
        release_runs(released);
        discard(empties);
    }
    return worth;
}

}  // namespace granary::core
