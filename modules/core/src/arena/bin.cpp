// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bin.cpp — see the header.
#include "arena/bin.hpp"

#include <algorithm>
#include <bit>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "arena/misuse.hpp"
#include "arena/run.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

/// Magazines that a bin may park: at first, and at most (1 MiB of regions, and 512 magazines).
constexpr uint32_t kParkedAtFirst = 8;
constexpr uint32_t kParkedAtMost = 512;
constexpr size_t kParkedBytesAtMost = 1024 * 1024;
/// Partly used runs that one refill looks at; a page's worth, at least this many, is carved fresh.
constexpr int kRunsPerFill = 8;
constexpr size_t kLeastCarved = 8;

/// Regions are popped from the top: what was found first is to come out first.
/// @return how many there are now
size_t put_below(void** out, size_t count, size_t more) noexcept {
    if (GRANARY_UNLIKELY(count != 0))
        std::rotate(out, out + count, out + count + more);
    return count + more;
}

uint32_t parked_at_most(unsigned size_class) noexcept {
    const SizeClass& cls = kSizeClasses[size_class];
    const size_t by_bytes = kParkedBytesAtMost / (size_t{cls.magazine_capacity} * cls.size);
    return std::clamp(static_cast<uint32_t>(by_bytes), kParkedAtFirst, kParkedAtMost);
}

}  // namespace

void Bin::bind(unsigned size_class, uint32_t owner_key) noexcept {
    size_class_ = static_cast<uint8_t>(size_class);
    owner_key_ = owner_key;
    parked_limit_ = kParkedAtFirst;
}

GRANARY_ALWAYS_INLINE Extent* Bin::run_of(const void* region) const noexcept {
    const detail::PageEntry* entry = detail::find_entry(base::address_of(region));
    if (GRANARY_UNLIKELY(entry == nullptr ||
                         entry->tag.load(std::memory_order_relaxed) != (owner_key_ | size_class_)))
        return nullptr;
    return PageMap::extent_of(*entry);
}

Magazine* Bin::refill(Magazine* empty) noexcept {
    ScopedLock lock(mutex_);
    if (Magazine* parked = take_parked_locked())
        return parked;
    const size_t count = fill_locked(empty->first(), kSizeClasses[size_class_].magazine_capacity);
    if (count == 0)
        return nullptr;
    empty->set_size(static_cast<uint32_t>(count));
    return empty;
}

Magazine* Bin::take_parked() noexcept {
    ScopedLock lock(mutex_);
    return take_parked_locked();
}

Magazine* Bin::take_parked_locked() noexcept {
    Magazine* magazine = parked_.pop_front();
    if (magazine != nullptr) {
        --parked_count_;
        least_parked_ = std::min(least_parked_, parked_count_);
        return magazine;
    }
    if (distributed_) {  // regions were returned to the bitmaps that are wanted again now
        distributed_ = false;
        parked_limit_ = std::min(parked_limit_ * 2, parked_at_most(size_class_));
    }
    return nullptr;
}

size_t Bin::fill_locked(void** out, size_t most) noexcept {
    size_t count = 0;
    for (int looked_at = 0; nonempty_ != 0 && count < most && looked_at < kRunsPerFill;
         ++looked_at) {
        Extent& run = *buckets_[static_cast<size_t>(std::countr_zero(nonempty_))].front();
        if (&run == kept_)
            kept_ = nullptr;
        count = put_below(out, count, run::take_free(run, out + count, most - count));
        refile_locked(run);
    }
    if (current_ != nullptr && count < std::min(kLeastCarved, most)) {
        // No more than a page's worth: memory that is not asked for stays untouched.
        const size_t wanted = std::max(kPageSize / kSizeClasses[size_class_].size, kLeastCarved);
        if (current_ == kept_)
            kept_ = nullptr;
        count = put_below(out, count,
                          run::carve(*current_, out + count, std::min(wanted, most - count)));
        if (current_->carved == kSizeClasses[size_class_].run_regions)
            current_ = nullptr;
    }
    taken_ += count;
    regions_made_ += count;
    fills_ += count != 0 ? 1 : 0;
    return count;
}

bool Bin::adopt(Extent* run) noexcept {
    ScopedLock lock(mutex_);
    if (current_ != nullptr)
        return false;
    run::open(*run, size_class_);
    current_ = run;
    ++runs_;
    ++runs_made_;
    return true;
}

Magazine* Bin::park(Magazine* magazine, ExtentList& released) noexcept {
    ScopedLock lock(mutex_);
    Magazine* coldest = nullptr;
    if (parked_count_ >= parked_limit_) {
        coldest = parked_.pop_back();
        --parked_count_;
        distributed_ = true;
        distribute_locked(coldest, released);
    }
    parked_.push_front(*magazine);
    ++parked_count_;
    return coldest;
}

void Bin::distribute(Magazine* magazine, ExtentList& released) noexcept {
    ScopedLock lock(mutex_);
    distribute_locked(magazine, released);
}

void Bin::distribute_locked(Magazine* magazine, ExtentList& released) noexcept {
    void** slots = magazine->first();
    const uint32_t count = magazine->size();
    // PERF: the runs of random regions are random, too, and lie behind three dependent loads: all
    // are on their way before the first one is written to. Neighbours are asked for once a page.
    std::array<Extent*, kMagazineSlots> runs;
    uintptr_t page = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const uintptr_t its_page = base::address_of(slots[i]) >> kPageShift;
        if (its_page == page) {
            runs[i] = runs[i - 1];
            continue;
        }
        page = its_page;
        runs[i] = checked_run_of(slots[i]);
        __builtin_prefetch(&runs[i]->base, 1);
        __builtin_prefetch(&runs[i]->free_bits.back(), 1);
    }
    for (uint32_t i = 0; i < count;) {
        Extent& run = *runs[i];
        const uint32_t from = i;
        while (++i < count && runs[i] == &run) {}
        give_locked(run, slots + from, i - from, released);
    }
    taken_ -= count;
    magazine->set_size(0);
    ++flushes_;
}

GRANARY_ALWAYS_INLINE Extent* Bin::checked_run_of(void* region) const noexcept {
    Extent* found = run_of(region);
    // Freed twice, and the first time was long enough ago for its run to be gone.
    if (GRANARY_UNLIKELY(found == nullptr))
        misuse::double_free(region, kSizeClasses[size_class_].size);
    return found;
}

GRANARY_ALWAYS_INLINE void Bin::give_locked(Extent& run, void* const* regions, size_t count,
                                            ExtentList& released) noexcept {
    run::give(run, regions, count, kSizeClasses[size_class_].reciprocal);
    if (run.free_regions >> run.bucket != 1)
        refile_locked(run);  // B1
    if (!run::is_empty(run))
        return;
    if (kept_ == nullptr) {
        kept_ = &run;
        kept_is_old_ = false;
    } else {
        release_locked(run, released);
    }
}

/// Puts the run where its free count belongs (B1).
void Bin::refile_locked(Extent& run) noexcept {
    const unsigned wanted =
        run.free_regions == 0
            ? kNoBucket
            : static_cast<unsigned>(std::bit_width(static_cast<unsigned>(run.free_regions))) - 1;
    if (wanted == run.bucket)
        return;
    if (run.bucket != kNoBucket) {
        buckets_[run.bucket].erase(run);
        if (buckets_[run.bucket].empty())
            nonempty_ = static_cast<uint16_t>(nonempty_ & ~(1U << run.bucket));
    }
    run.bucket = static_cast<uint8_t>(wanted);
    if (wanted == kNoBucket)
        return;
    buckets_[wanted].push_front(run);
    nonempty_ = static_cast<uint16_t>(nonempty_ | 1U << wanted);
}

void Bin::release_locked(Extent& run, ExtentList& released) noexcept {
    if (run.bucket != kNoBucket) {
        buckets_[run.bucket].erase(run);
        if (buckets_[run.bucket].empty())
            nonempty_ = static_cast<uint16_t>(nonempty_ & ~(1U << run.bucket));
        run.bucket = kNoBucket;
    }
    if (current_ == &run)
        current_ = nullptr;
    --runs_;
    released.push_front(run);
}

void Bin::age(bool all, ExtentList& released, Magazine*& empties) noexcept {
    ScopedLock lock(mutex_);
    const uint32_t untouched = all ? parked_count_ : least_parked_;
    for (uint32_t i = 0; i < untouched; ++i) {
        Magazine* coldest = parked_.pop_back();
        --parked_count_;
        distribute_locked(coldest, released);
        coldest->next = empties;
        empties = coldest;
    }
    if (untouched > 0)
        parked_limit_ = std::max(parked_limit_ / 2, kParkedAtFirst);
    least_parked_ = parked_count_;
    if (kept_ != nullptr && (all || kept_is_old_)) {
        release_locked(*kept_, released);
        kept_ = nullptr;
    }
    // Adopted by a thread that then found enough in what others had freed meanwhile.
    if (current_ != nullptr && current_->carved == 0)
        release_locked(*current_, released);
    kept_is_old_ = true;
}

void* Bin::take_one() noexcept {
    ScopedLock lock(mutex_);
    void* region = nullptr;
    return fill_locked(&region, 1) != 0 ? region : nullptr;
}

void Bin::give_one(void* region, ExtentList& released) noexcept {
    ScopedLock lock(mutex_);
    give_locked(*checked_run_of(region), &region, 1, released);
    --taken_;
}

bool Bin::is_free(void* region) noexcept {
    ScopedLock lock(mutex_);
    const Extent* run = run_of(region);
    return run == nullptr || !run::is_region(*run, region) || run::is_free(*run, region);
}

size_t Bin::parked_bytes() noexcept {
    ScopedLock lock(mutex_);
    return parked_count_ * size_t{kSizeClasses[size_class_].magazine_capacity} *
           kSizeClasses[size_class_].size;
}

BinCounts Bin::counts() noexcept {
    ScopedLock lock(mutex_);
    BinCounts counts;
    counts.taken = taken_;
    for (Magazine& magazine : parked_) counts.parked += magazine.size();
    counts.runs = runs_;
    for (const ExtentList& bucket : buckets_) {
        for (Extent& run : bucket) counts.nonfull_runs += run.free_regions != 0 ? 1 : 0;
    }
    counts.runs_made = runs_made_;
    counts.regions_made = regions_made_;
    counts.fills = fills_;
    counts.flushes = flushes_;
    counts.lock = mutex_.counters();
    return counts;
}

void Bin::check_invariants() noexcept {
    ScopedLock lock(mutex_);
    for (size_t b = 0; b < kBuckets; ++b) {
        GRANARY_CHECK(buckets_[b].empty() == ((nonempty_ >> b & 1) == 0), "bin: bucket mask [B1]");
        for (Extent& run : buckets_[b]) {
            run::check_invariants(run);
            GRANARY_CHECK(run.bucket == b && (run.free_regions >> b) == 1,
                          "bin: bucket of a run [B1]");
            GRANARY_CHECK(run.size_class == size_class_, "bin: class of a run [B1]");
            GRANARY_CHECK(!run::is_empty(run) || &run == kept_, "bin: second empty run [B3]");
        }
    }
    if (current_ != nullptr) {
        GRANARY_CHECK(current_->carved < kSizeClasses[size_class_].run_regions,
                      "bin: current run is carved up [B1]");
    }
    size_t parked = 0;
    for (Magazine& magazine : parked_) {
        ++parked;
        GRANARY_CHECK(magazine.size_class == size_class_, "bin: class of a parked magazine [B4]");
        GRANARY_CHECK(
            magazine.size() > 0 && magazine.size() <= kSizeClasses[size_class_].magazine_capacity,
            "bin: size of a parked magazine [B4]");
        for (uint32_t i = 0; i < magazine.size(); ++i) {
            const Extent* run = run_of(magazine.first()[i]);
            GRANARY_CHECK(run != nullptr && run::is_region(*run, magazine.first()[i]) &&
                              !run::is_free(*run, magazine.first()[i]),
                          "bin: parked region is free in its run [B2]");
        }
    }
    GRANARY_CHECK(parked == parked_count_, "bin: parked count [B4]");
    GRANARY_CHECK(taken_ >= parked, "bin: taken regions [B2]");
}

}  // namespace granary::core
