// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bin.hpp — one size class of one arena: its runs, and the magazines parked with it.
//
// Role        Room 5 of malloc and of free.
// Owns        current_ (the run being carved), buckets_ (runs with free regions, by how many),
//             parked_ (full magazines, newest first).
// Invariants  B1  a run is in the bucket bit_width(free_regions) - 1, or in none if that is 0.
//             B2  taken_ = sum over the runs of carved - free_regions.
//             B3  at most one run is empty, kept_; further empty ones are released.
//             B4  parked_ holds parked_count_ <= parked_limit_ magazines of this class.
// Locking     mutex_, LockRank::bin. Nothing is called while it is held but the run's functions.
// Cost        refill and park: one lock; no work per region unless a bitmap is involved.
// Source      Fullest run first: tcmalloc's span lists by log2 of the count. Parked magazines:
//             the depot of Bonwick and Adams 2001.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "arena/magazine.hpp"
#include "meta/extent.hpp"
#include "sync/mutex.hpp"

namespace granary::core {

struct BinCounts {
    size_t taken = 0;   ///< regions outside the runs
    size_t parked = 0;  ///< of these, in parked magazines
    size_t runs = 0;
    size_t nonfull_runs = 0;
    uint64_t runs_made = 0;
    uint64_t regions_made = 0;  ///< ever taken; returned = made - taken
    uint64_t fills = 0;
    uint64_t flushes = 0;
    LockSnapshot lock;
};

/// How well the run of a region is used, and its bin.
struct RunView {
    uintptr_t next_run = 0;  ///< where the next region comes from; 0: from a run not made yet
    size_t free_regions = 0;
    size_t regions = 0;
    size_t run_bytes = 0;
    size_t bin_free_regions = 0;
    size_t bin_regions = 0;
};

class Bin {
public:
    Bin() noexcept = default;
    /// @param owner_key of the arena, as its page entries carry it.
    void bind(unsigned size_class, uint32_t owner_key) noexcept;

    /// Moves regions to a thread: a parked magazine, or `empty` filled from the runs.
    /// @return a magazine with size() > 0, or nullptr: a new run is needed.
    [[nodiscard]] Magazine* refill(Magazine* empty) noexcept;
    /// The same, from parked magazines only.
    [[nodiscard]] Magazine* take_parked() noexcept;

    /// Gives the bin a run to carve from. False if it has one by now: the caller keeps it.
    [[nodiscard]] bool adopt(Extent* run) noexcept;

    /// Keeps a magazine whole. Over the limit, the coldest parked one is distributed for it.
    /// @param released runs that became empty; the caller gives their pages back.
    /// @return an empty magazine for the one given, if there was one to spare.
    [[nodiscard]] Magazine* park(Magazine* magazine, ExtentList& released) noexcept;

    /// Returns a magazine's regions to their runs; the magazine is then empty.
    void distribute(Magazine* magazine, ExtentList& released) noexcept;

    /// Distributes the magazines that lay untouched since the last call (`all`: every one), and
    /// lets go of the empty run and of one that was never carved. Emptied magazines are chained
    /// into `empties`.
    void age(bool all, ExtentList& released, Magazine*& empties) noexcept;

    /// Up to `count` regions, parked ones first. @param empties emptied magazines, chained
    /// @return fewer than `count`: a new run is needed.
    [[nodiscard]] size_t take_many(void** out, size_t count, Magazine*& empties) noexcept;

    /// False if the region is in none of this bin's runs.
    [[nodiscard]] bool look_at(const void* region, RunView& out) noexcept;
    /// True if the region's run is used no better than the average of those that are not full.
    /// @param recount receives whether that average was taken anew, which happens now and then.
    [[nodiscard]] bool is_worth_moving(const void* region, bool& recount) noexcept;

    /// Forgets every run and every parked magazine: the pages of all of them are given back.
    /// @param empties magazines, chained; what they hold is gone
    void drop_all(Magazine*& empties) noexcept;

    /// One region, for callers without a cache; nullptr: a new run is needed.
    [[nodiscard]] void* take_one() noexcept;
    void give_one(void* region, ExtentList& released) noexcept;

    /// True if the region is free in its run. For error messages and checks.
    [[nodiscard]] bool is_free(void* region) noexcept;

    [[nodiscard]] size_t parked_bytes() noexcept;
    [[nodiscard]] BinCounts counts() noexcept;
    void check_invariants() noexcept;
    Mutex& mutex() noexcept { return mutex_; }

private:
    static constexpr size_t kBuckets = 10;  // log2 of up to kMaxRunRegions

    /// The live run of this class and arena that the region lies in; nullptr if it is none's (now).
    [[nodiscard]] Extent* run_of(const void* region) const noexcept;
    size_t fill_locked(void** out, size_t most) noexcept;
    Magazine* take_parked_locked() noexcept;
    void distribute_locked(Magazine* magazine, ExtentList& released) noexcept;
    /// Regions of one run go back to it.
    void give_locked(Extent& run, void* const* regions, size_t count,
                     ExtentList& released) noexcept;
    /// The run of a region that is to be given back; aborts if it is none of this bin's.
    [[nodiscard]] Extent* checked_run_of(void* region) const noexcept;
    void refile_locked(Extent& run) noexcept;
    void release_locked(Extent& run, ExtentList& released) noexcept;
    [[nodiscard]] const Extent* next_run_locked() const noexcept;

    Mutex mutex_{LockRank::bin};
    uint32_t owner_key_ = 0;  // const after init
    uint8_t size_class_ = 0;  // const after init
    // guarded by mutex_
    bool distributed_ = false;  // since the limit last grew
    bool kept_is_old_ = false;  // kept_ has lain through one age()
    uint16_t nonempty_ = 0;     // bit per bucket
    uint32_t parked_count_ = 0;
    uint32_t parked_limit_ = 0;
    uint32_t least_parked_ = 0;  // since the last age()
    MagazineList parked_;
    Extent* current_ = nullptr;
    Extent* kept_ = nullptr;
    std::array<ExtentList, kBuckets> buckets_;
    size_t taken_ = 0;
    size_t runs_ = 0;
    uint64_t runs_made_ = 0;
    uint64_t regions_made_ = 0;
    uint64_t fills_ = 0;
    uint64_t flushes_ = 0;
    size_t questions_ = 0;  // is_worth_moving() until the average is taken anew
    size_t nonfull_runs_ = 0;
    size_t nonfull_taken_ = 0;
};

}  // namespace granary::core
