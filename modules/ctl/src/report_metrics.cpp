// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_metrics.cpp — the statistics in the OpenMetrics text format.
//
// Invariants  J1  a family's lines stand together: TYPE, UNIT where it has one, HELP, samples.
//             J2  counters end with _total; a unit is the end of its family's name.
// Source      OpenMetrics 1.0 (the text format).
#include <granary/core/control.hpp>
#include <granary/core/lifecycle.hpp>

#include "lock_names.hpp"
#include "report_output.hpp"
#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

using core::HeapSnapshot;

enum class Family { gauge, counter };

/// Writes families and their samples (J1).
class Metrics {
public:
    explicit Metrics(ReportOutput& out) noexcept : out_(out) {}

    /// Begins a family; its samples follow.
    void family(std::string_view name, Family type, std::string_view unit,
                std::string_view help) noexcept {
        name_ = name;
        type_ = type;
        out_.text("# TYPE granary_").text(name);
        out_.text(type == Family::counter ? " counter\n" : " gauge\n");
        if (!unit.empty())
            out_.text("# UNIT granary_").text(name).text(" ").text(unit).text("\n");
        out_.text("# HELP granary_").text(name).text(" ").text(help).text("\n");
    }

    void sample(uint64_t value) noexcept { sample({}, {}, value); }

    void sample(std::string_view label, std::string_view label_value, uint64_t value) noexcept {
        out_.text("granary_").text(name_);
        if (type_ == Family::counter)
            out_.text("_total");
        if (!label.empty())
            out_.text("{").text(label).text("=\"").text(label_value).text("\"}");
        out_.text(" ").number(value).text("\n");
    }

    void sample(std::string_view label, uint64_t label_value, uint64_t value) noexcept {
        sample(label, base::FixedString<24>().append_decimal(label_value).view(), value);
    }

    void gauge(std::string_view name, std::string_view unit, std::string_view help,
               uint64_t value) noexcept {
        family(name, Family::gauge, unit, help);
        sample(value);
    }

private:
    ReportOutput& out_;
    std::string_view name_;
    Family type_ = Family::gauge;
};

void put_totals(Metrics& metrics, const HeapSnapshot& heap) noexcept {
    metrics.family("allocated_bytes", Family::gauge, "bytes", "Usable bytes of live regions.");
    metrics.sample("kind", "small", heap.small_allocated);
    metrics.sample("kind", "large", heap.large_allocated);
    metrics.sample("kind", "huge", heap.huge_allocated);
    metrics.gauge("active_bytes", "bytes", "Pages that hold live or cached regions.", heap.active);
    metrics.gauge("resident_bytes", "bytes", "Upper bound of physical memory.", heap.resident);
    metrics.gauge("mapped_bytes", "bytes", "Active, dirty, muzzy and metadata pages.", heap.mapped);
    metrics.gauge("metadata_bytes", "bytes", "Descriptors of granary's own.", heap.metadata);
    metrics.family("unused_bytes", Family::gauge, "bytes",
                   "Pages without regions, by what the kernel still keeps of them.");
    metrics.sample("state", "dirty", heap.dirty);
    metrics.sample("state", "muzzy", heap.muzzy);
    metrics.sample("state", "retained", heap.retained);
    metrics.family("cached_bytes", Family::gauge, "bytes", "Freed regions in magazines.");
    metrics.sample("place", "threads", heap.thread_cached);
    metrics.sample("place", "parked", heap.cached - heap.thread_cached);
    metrics.gauge("run_bytes", "bytes", "Pages of runs, from which small regions come.",
                  heap.small_resident);
    metrics.gauge("arenas", "", "Arenas made so far.", heap.arenas);
    metrics.gauge("threads", "", "Threads attached to arenas.", heap.threads);
    metrics.family("live_blocks", Family::gauge, "", "Live regions that are not small.");
    metrics.sample("kind", "large", heap.large_live);
    metrics.sample("kind", "huge", heap.huge_live);
    metrics.gauge("background_threads", "", "Purging threads.", heap.background_threads);
}

void put_purges(Metrics& metrics, const HeapSnapshot& heap) noexcept {
    metrics.family("purged_bytes", Family::counter, "bytes", "Unused memory given back.");
    metrics.sample("state", "dirty", heap.dirty_purged * core::kPageSize);
    metrics.sample("state", "muzzy", heap.muzzy_purged * core::kPageSize);
    metrics.family("purge_passes", Family::counter, "", "Times that unused pages were purged.");
    metrics.sample("state", "dirty", heap.dirty_purges);
    metrics.sample("state", "muzzy", heap.muzzy_purges);
    metrics.family("purge_calls", Family::counter, "", "System calls of those.");
    metrics.sample("state", "dirty", heap.dirty_madvises);
    metrics.sample("state", "muzzy", heap.muzzy_madvises);
}

/// One family over the small classes that were ever used.
template <typename Read>
void put_class_family(Metrics& metrics, const HeapSnapshot& heap, std::string_view name,
                      Family type, std::string_view help, Read read) noexcept {
    metrics.family(name, type, "", help);
    for (size_t c = 0; c < heap.bins.size(); ++c) {
        if (heap.bins[c].runs_made != 0)
            metrics.sample("bytes", core::kSizeClasses[c].size, read(heap.bins[c], c));
    }
}

void put_classes(Metrics& metrics, const HeapSnapshot& heap) noexcept {
    using Bin = core::BinSnapshot;
    put_class_family(metrics, heap, "class_live_regions", Family::gauge,
                     "Live regions of a small class.",
                     [](const Bin& bin, size_t) { return bin.live_regions; });
    put_class_family(metrics, heap, "class_cached_regions", Family::gauge,
                     "Its freed regions in magazines.",
                     [](const Bin& bin, size_t) { return bin.cached_regions; });
    put_class_family(metrics, heap, "class_capacity_regions", Family::gauge,
                     "Regions that its runs have room for.", [](const Bin& bin, size_t c) {
                         return bin.runs * core::kSizeClasses[c].run_regions;
                     });
    put_class_family(metrics, heap, "class_taken_regions", Family::counter,
                     "Regions taken out of its runs.",
                     [](const Bin& bin, size_t) { return bin.regions_made; });
    metrics.family("large_class_live_regions", Family::gauge, "",
                   "Live large regions and huge blocks of up to that many bytes.");
    for (size_t c = 0; c < heap.large_classes.size(); ++c) {
        const core::LargeClassSnapshot& large = heap.large_classes[c];
        if (large.made != 0)
            metrics.sample("bytes", core::large_class_size(c), large.live());
    }
}

/// One family over the locks of the process that were ever taken, and over each kind of arenas' ones.
template <typename Read>
void put_lock_family(Metrics& metrics, const HeapSnapshot& heap, std::string_view name,
                     std::string_view unit, std::string_view help, Read read) noexcept {
    core::ProcessLocks locks;
    LockSnapshot ctl;
    stats_cache().read_locks(locks, [&](const core::ProcessLocks& all, const LockSnapshot& own) {
        ctl = own;
        return all;
    });
    metrics.family(name, Family::counter, unit, help);
    std::string_view word;
    size_t index = 0;
    for (Words words("<lock>"); words.next(word); ++index) {
        const LockSnapshot lock = process_lock(locks, ctl, index);
        if (lock.acquired != 0)
            metrics.sample("lock", word, read(lock));
    }
    LockSnapshot bins;
    for (const core::BinSnapshot& bin : heap.bins) bins.add(bin.lock);
    metrics.sample("lock", "bin", read(bins));
    metrics.sample("lock", "page_allocator", read(heap.page_lock));
    metrics.sample("lock", "inbox", read(heap.inbox_lock));
}

void put_locks(Metrics& metrics, const HeapSnapshot& heap) noexcept {
    put_lock_family(metrics, heap, "lock_acquisitions", "", "Times that a lock was taken.",
                    [](const LockSnapshot& lock) { return lock.acquired; });
    put_lock_family(metrics, heap, "lock_waits", "", "Times that a thread slept for a lock.",
                    [](const LockSnapshot& lock) { return lock.waited; });
    put_lock_family(metrics, heap, "lock_wait_nanoseconds", "nanoseconds", "Time asleep for a lock.",
                    [](const LockSnapshot& lock) { return lock.total_wait_ns; });
}

}  // namespace

void print_metrics(ReportWriter writer, void* opaque) noexcept {
    core::bootstrap();
    HeapSnapshot heap;
    static_cast<void>(stats_cache().refresh(heap));
    ReportOutput out(writer, opaque);
    Metrics metrics(out);
    put_totals(metrics, heap);
    put_purges(metrics, heap);
    put_classes(metrics, heap);
    put_locks(metrics, heap);
    out.text("# EOF\n");
}

}  // namespace granary::ctl
