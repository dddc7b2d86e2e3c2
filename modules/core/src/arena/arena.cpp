// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// arena.cpp — see the header.
#include "arena/arena.hpp"

#include <algorithm>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "arena/misuse.hpp"
#include "arena/run.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {
/// Parked magazines that nobody took for this long go back to their runs.
constexpr uint64_t kAgePeriod = 500'000'000;
/// An arena that is about to grow first takes back what is parked, if it is more than this much: few
/// regions may be all that is left in many runs.
constexpr size_t kParkedWorthTaking = 128 * 1024;
}  // namespace

Arena::Arena(uint32_t index, ChunkSource& source, MetadataHeap& metadata, MagazinePool& magazines,
             Maker maker) noexcept
    : index_(index),
      magazines_(magazines),
      pages_(source, metadata, index),
      explicit_(maker) {
    for (unsigned c = 0; c < kSmallClassCount; ++c) bins_[c].bind(c, owner_key());
}

Magazine* Arena::refill(unsigned size_class, Magazine* empty, Growth growth) noexcept {
    Bin& bin = bins_[size_class];
    // What others freed is warmer than the bitmaps, and must not pile up.
    // ORDER: relaxed; a post that is missed now is found at the next refill.
    if (inbox_.load(std::memory_order_relaxed) != nullptr)
        drain_inbox();
    for (;;) {
        if (Magazine* filled = bin.refill(empty))
            return filled;
        Extent* run = make_run(size_class, growth);
        if (run == nullptr)
            return nullptr;
        if (!bin.adopt(run)) {  // another thread of a shared arena was faster
            PageMap::clear_entries(run->base, run->bytes >> kPageShift);
            pages_.release(run, 0);
        }
    }
}

Magazine* Arena::park(Magazine* magazine) noexcept {
    ExtentList released;
    Magazine* empty = bins_[magazine->size_class].park(magazine, released);
    release_runs(released);
    return empty;
}

void Arena::distribute(Magazine* magazine) noexcept {
    ExtentList released;
    bins_[magazine->size_class].distribute(magazine, released);
    magazines_.give(magazine);
    release_runs(released);
}

void Arena::post(Magazine* magazine) noexcept {
    // ORDER: acquire here and on failure, pairs with the release below: the head's depth is read.
    Magazine* head = inbox_.load(std::memory_order_acquire);
    uint32_t depth = 0;
    do {
        // The head may be drained and reused this moment; its depth is then stale, which only
        // moves the moment of draining. Magazines are never unmapped.
        depth = head == nullptr ? 1 : head->depth.load(std::memory_order_relaxed) + 1;
        magazine->next = head;
        magazine->depth.store(depth, std::memory_order_relaxed);
        // ORDER: release, pairs with the acquire in drain_inbox(): slots and next are seen there.
    } while (!inbox_.compare_exchange_weak(head, magazine, std::memory_order_release,
                                           std::memory_order_acquire));
    if (depth > kInboxLimit)
        drain_inbox();  // A3
}

void Arena::drain_inbox() noexcept {
    ScopedLock lock(inbox_mutex_);
    // ORDER: acquire, pairs with the release in post().
    Magazine* magazine = inbox_.exchange(nullptr, std::memory_order_acquire);
    // What was on its way to an arena that has ended meanwhile is void.
    if (GRANARY_UNLIKELY(!explicit_.alive.load(std::memory_order_relaxed)))
        return discard(magazine);
    while (magazine != nullptr) {
        Magazine* next = magazine->next;
        magazine->next = nullptr;
        if (Magazine* empty = park(magazine))
            magazines_.give(empty);
        magazine = next;
    }
}

Extent* Arena::make_run(unsigned size_class, Growth growth) noexcept {
    Extent* run = allocate_pages(kSizeClasses[size_class].run_pages, 1, nullptr, growth);
    if (run == nullptr)
        return nullptr;
    PageMap::set_run(run, owner_key(), size_class);
    return run;
}

Extent* Arena::allocate_pages(size_t pages, size_t alignment, TouchedPages* touched,
                              Growth growth) noexcept {
    Extent* extent = pages_.allocate(pages, alignment, touched, Growth::forbidden);
    if (extent != nullptr || growth == Growth::forbidden)
        return extent;
    // Peaks are made here: a chunk more, or what lies in parked magazines and cached regions.
    if (const uint32_t patience = patience_.load(std::memory_order_relaxed); patience != 0) {
        patience_.store(patience - 1, std::memory_order_relaxed);
        size_t parked = large_cache_.bytes();
        for (Bin& bin : bins_) parked += bin.parked_bytes();
        if (parked > kParkedWorthTaking) {
            age(true);
            extent = pages_.allocate(pages, alignment, touched, Growth::forbidden);
            if (extent != nullptr)
                return extent;
        }
    }
    patience_.store(kPatience, std::memory_order_relaxed);
    return pages_.allocate(pages, alignment, touched, Growth::allowed);
}

void Arena::release_runs(ExtentList& released) noexcept {
    while (Extent* run = released.pop_front()) {
        PageMap::retire_run(run->base, run->bytes >> kPageShift, owner_key(), run->size_class);
        pages_.release(run, run::touched_pages(*run));
    }
}

void* Arena::allocate_one(unsigned size_class) noexcept {
    for (;;) {
        if (void* region = bins_[size_class].take_one())
            return region;
        Extent* run = make_run(size_class, Growth::allowed);
        if (run == nullptr)
            return nullptr;
        if (!bins_[size_class].adopt(run)) {
            PageMap::clear_entries(run->base, run->bytes >> kPageShift);
            pages_.release(run, 0);
        }
    }
}

void Arena::deallocate_one(unsigned size_class, void* region) noexcept {
    ExtentList released;
    bins_[size_class].give_one(region, released);
    release_runs(released);
}

void* Arena::allocate_large(size_t pages, size_t alignment, TouchedPages* touched,
                            Growth growth) noexcept {
    Extent* extent =
        alignment == 1 && pages <= LargeCache::kMostPages ? large_cache_.take(pages) : nullptr;
    if (extent != nullptr) {
        if (touched != nullptr)
            touched->bits.set_all();
        PageMap::revive_head(extent->base, owner_key(), detail::kLargeHead);
    } else {
        extent = allocate_pages(pages, alignment, touched, growth);
        if (extent == nullptr)
            return nullptr;
        extent->kind = ExtentKind::large;
        PageMap::set_large(extent, owner_key());
    }
    large_bytes_.fetch_add(extent->bytes, std::memory_order_relaxed);
    counts_.count_made(extent->bytes);
    return base::pointer_at(extent->base);
}

void Arena::deallocate_large(Extent* extent) noexcept {
    large_bytes_.fetch_sub(extent->bytes, std::memory_order_relaxed);
    counts_.count_freed(extent->bytes);
    const bool fits = extent->bytes >> kPageShift <= LargeCache::kMostPages;
    if (!fits || !large_cache_.keep(extent))
        release_large(extent);
}

void Arena::release_large(Extent* extent) noexcept {
    const size_t pages = extent->bytes >> kPageShift;
    PageMap::clear_entries(extent->base + kPageSize, pages - 1);
    pages_.release(extent, pages);
}

bool Arena::resize_large(Extent* extent, size_t pages) noexcept {
    const size_t old_pages = extent->bytes >> kPageShift;
    if (pages > old_pages) {
        if (!pages_.extend(extent, pages))
            return false;
        PageMap::set_large(extent, owner_key());
        large_bytes_.fetch_add((pages - old_pages) << kPageShift, std::memory_order_relaxed);
    } else if (pages < old_pages) {
        PageMap::clear_entries(extent->base + (pages << kPageShift), old_pages - pages);
        large_bytes_.fetch_sub((old_pages - pages) << kPageShift, std::memory_order_relaxed);
        pages_.trim(extent, pages);
        PageMap::set_head(extent, owner_key(), detail::kLargeHead);
    }
    if (pages != old_pages) {
        counts_.count_made(pages << kPageShift);
        counts_.count_freed(old_pages << kPageShift);
    }
    return true;
}

void Arena::tick(uint64_t now_ns) noexcept {
    if (!is_explicit())
        return tick_locked(now_ns);
    if (!explicit_.upkeep.try_lock())
        return;  // somebody is at it, or is resetting it
    tick_locked(now_ns);
    explicit_.upkeep.unlock();
}

void Arena::tick_locked(uint64_t now_ns) noexcept {
    uint64_t due = next_age_.load(std::memory_order_relaxed);
    if (now_ns >= due &&
        next_age_.compare_exchange_strong(due, now_ns + kAgePeriod, std::memory_order_relaxed)) {
        age(false);
        patience_.store(kPatience, std::memory_order_relaxed);
    }
    pages_.decay(now_ns);  // also with nothing unused (D3 of decay.hpp)
    if (ChunkSource* own = own_source())
        own->decay(now_ns);
}

void Arena::age(bool all) noexcept {
    drain_inbox();
    large_cache_.drain([this](Extent* extent) { release_large(extent); });
    for (Bin& bin : bins_) {
        ExtentList released;
        Magazine* empties = nullptr;
        bin.age(all, released, empties);
        release_runs(released);
        while (empties != nullptr) {
            Magazine* next = empties->next;
            magazines_.give(empties);
            empties = next;
        }
    }
}

bool Arena::has_unpurged() noexcept {
    ChunkSource* own = own_source();
    return pages_.has_unpurged() ||
           (own != nullptr &&
            own->free_bytes(PageState::dirty) + own->free_bytes(PageState::muzzy) != 0);
}

bool Arena::fresh_blocks_get_written(uintptr_t base, size_t bytes) noexcept {
    const uintptr_t last = last_fresh_.exchange(base, std::memory_order_relaxed);
    const size_t last_bytes = last_fresh_bytes_.exchange(bytes, std::memory_order_relaxed);
    return pages_.source().is_dense(last, last_bytes);
}

size_t Arena::purge() noexcept {
    if (!is_explicit())
        return purge_locked();
    ScopedLock lock(explicit_.upkeep);
    return purge_locked();
}

size_t Arena::purge_locked() noexcept {
    age(true);
    size_t bytes = pages_.purge();
    if (ChunkSource* own = own_source())
        bytes += own->purge();
    return bytes;
}

void Arena::check_invariants() noexcept {
    pages_.check_invariants();
    for (Bin& bin : bins_) bin.check_invariants();
}

}  // namespace granary::core
