// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_text_arena.cpp — one arena's block of the text form.
#include <granary/ctl/ctl.hpp>

#include "arena_label.hpp"
#include "report_output.hpp"
#include "report_table.hpp"
#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

using core::BinSnapshot;
using core::HeapSnapshot;

constexpr uint64_t kNsPerSecond = 1'000'000'000;

void print_decay_row(ReportOutput& out, std::string_view name, int64_t ms, size_t bytes,
                     uint64_t passes, uint64_t calls, uint64_t pages) noexcept {
    out.text(name);
    if (ms < 0) {
        out.column("N/A", kNarrow);
    } else {
        out.column(static_cast<uint64_t>(ms), kNarrow);
    }
    out.column(bytes / core::kPageSize, kNarrow).column(passes, kNarrow);
    out.column(calls, kNarrow).column(pages, kWide).text("\n");
}

void print_decay(ReportOutput& out, const HeapSnapshot& s) noexcept {
    out.text("decaying:").column("time", kNarrow).column("npages", kNarrow);
    out.column("sweeps", kNarrow).column("madvises", kNarrow).column("purged", kWide).text("\n");
    print_decay_row(out, "   dirty:", s.dirty_decay_ms, s.dirty, s.dirty_purges, s.dirty_madvises,
                    s.dirty_purged);
    print_decay_row(out, "   muzzy:", s.muzzy_decay_ms, s.muzzy, s.muzzy_purges, s.muzzy_madvises,
                    s.muzzy_purged);
}

class PerSecond {
public:
    explicit PerSecond(uint64_t uptime_ns) noexcept
        : seconds_(uptime_ns < kNsPerSecond ? 1 : uptime_ns / kNsPerSecond) {}
    [[nodiscard]] uint64_t rate(uint64_t count) const noexcept { return count / seconds_; }

private:
    uint64_t seconds_;
};

void print_kind(ReportOutput& out, std::string_view name, const AllocationCounts& counts,
                const PerSecond& per_second) noexcept {
    out.text(name).column(counts.allocated, kWide);
    for (const uint64_t count :
         {counts.made, counts.freed, counts.made, counts.fills, counts.flushes}) {
        out.column(count, kWide).column(per_second.rate(count), kNarrow);
    }
    out.text("\n");
}

void print_allocations(ReportOutput& out, const HeapSnapshot& s) noexcept {
    out.text("         ").column("allocated", kWide);
    for (const std::string_view title : {"nmalloc", "ndalloc", "nrequests", "nfill", "nflush"})
        out.column(title, kWide).column("(#/sec)", kNarrow);
    out.text("\n");
    const PerSecond per_second(s.uptime_ns);
    const AllocationCounts small = small_counts(s);
    const AllocationCounts large = large_counts(s);
    print_kind(out, "small:   ", small, per_second);
    print_kind(out, "large:   ", large, per_second);
    print_kind(out, "total:   ",
               {small.allocated + large.allocated, small.made + large.made,
                small.freed + large.freed, small.fills + large.fills,
                small.flushes + large.flushes},
               per_second);
}

void print_bytes(ReportOutput& out, const HeapSnapshot& s) noexcept {
    const auto line = [&](std::string_view name, size_t bytes) {
        out.text(name);
        for (size_t i = name.size(); i < 21; ++i) out.text(" ");
        out.column(bytes, kWide).text("\n");
    };
    line("active:", s.active);
    line("mapped:", s.mapped);
    line("retained:", s.retained);
    line("pinned:", 0);
    line("base:", s.metadata);
    line("internal:", 0);
    line("metadata_edata:", s.metadata_extents);
    line("metadata_rtree:", 0);
    line("metadata_thp:", 0);
    line("tcache_bytes:", s.thread_cached);
    line("tcache_stashed_bytes:", 0);
    line("parked_bytes:", s.cached - s.thread_cached);
    line("resident:", s.resident);
    line("small_resident:", s.small_resident);
    line("abandoned_vm:", 0);
    line("extent_avail:", s.spare_extents);
}

void print_locks(ReportOutput& out, const HeapSnapshot& s) noexcept {
    print_lock_header(out, "locks:");
    std::string_view word;
    size_t index = 0;
    for (Words words("<arena_lock>"); words.next(word); ++index) {
        const core::LockSnapshot lock = arena_lock(s, index);
        if (lock.acquired != 0)
            print_lock_row(out, word, lock);
    }
}

/// Live regions per thousand places in the runs, as "0.123".
base::FixedString<8> utilisation(size_t live, size_t places) noexcept {
    base::FixedString<8> text;
    if (places == 0 || live >= places)
        return text.append("1.000");
    const size_t thousandths = live * 1000 / places;
    text.append("0.");
    if (thousandths < 100)
        text.append('0');
    if (thousandths < 10)
        text.append('0');
    return text.append_decimal(thousandths);
}

void print_bins(ReportOutput& out, const ReportParts& parts, const HeapSnapshot& s) noexcept {
    out.text("bins:    ").column("size", kNarrow).column("ind", 4).column("allocated", kWide);
    out.column("nmalloc", kWide).column("ndalloc", kWide).column("curregs", kNarrow);
    out.column("cached", kNarrow).column("curslabs", kNarrow).column("nonfull", kNarrow);
    out.column("regs", 5).column("pgs", 4).column("util", 6).column("nfills", kNarrow);
    out.column("nflushes", kNarrow).column("nslabs", kNarrow);
    if (parts.locks)
        out.column("n_lock_ops", kWide).column("n_waiting", kNarrow);
    out.text("\n");
    Gap gap(out);
    for (size_t i = 0; i < s.bins.size(); ++i) {
        const BinSnapshot& bin = s.bins[i];
        const core::SizeClass& shape = core::kSizeClasses[i];
        if (bin.runs_made == 0) {
            gap.skip();
            continue;
        }
        gap.close();
        out.text("         ").column(shape.size, kNarrow).column(i, 4);
        out.column(bin.live_regions * shape.size, kWide).column(bin.regions_made, kWide);
        out.column(bin.regions_returned, kWide).column(bin.live_regions, kNarrow);
        out.column(bin.cached_regions, kNarrow).column(bin.runs, kNarrow);
        out.column(bin.nonfull_runs, kNarrow).column(shape.run_regions, 5);
        out.column(shape.run_pages, 4);
        out.column(utilisation(bin.live_regions, bin.runs * shape.run_regions).view(), 6);
        out.column(bin.fills, kNarrow).column(bin.flushes, kNarrow).column(bin.runs_made, kNarrow);
        if (parts.locks)
            out.column(bin.lock.acquired, kWide).column(bin.lock.waited, kNarrow);
        out.text("\n");
    }
}

void print_large(ReportOutput& out, const HeapSnapshot& s) noexcept {
    out.text("large:   ").column("size", kWide).column("ind", 4).column("nmalloc", kWide);
    out.column("ndalloc", kWide).column("curlextents", kWide).text("\n");
    Gap gap(out);
    for (size_t i = 0; i < s.large_classes.size(); ++i) {
        const core::LargeClassSnapshot& large = s.large_classes[i];
        if (large.made == 0) {
            gap.skip();
            continue;
        }
        gap.close();
        out.text("         ").column(core::large_class_size(i), kWide);
        out.column(i + core::kSmallClassCount, 4).column(large.made, kWide);
        out.column(large.freed, kWide);
        out.column(large.live(), kWide).text("\n");
    }
}

void print_extents(ReportOutput& out, size_t index) noexcept {
    out.text("extents: ").column("size", kWide).column("ind", 4);
    for (const std::string_view title :
         {"ndirty", "dirty_bytes", "nmuzzy", "muzzy_bytes", "nretained", "retained_bytes"}) {
        out.column(title, kWide);
    }
    out.text("\n");
    Gap gap(out);
    for (size_t i = 0; i < core::kPageClassCount; ++i) {
        core::PageRowsSnapshot::Counts row;
        const int error = stats_cache().read_rows(
            index, row, [&](const core::PageRowsSnapshot& rows) { return rows.classes[i]; });
        if (error != 0 || row.dirty + row.muzzy + row.retained == 0) {
            gap.skip();
            continue;
        }
        gap.close();
        out.text("         ").column(core::page_class_size(i), kWide).column(i, 4);
        for (const size_t value : {row.dirty, row.dirty_bytes, row.muzzy, row.muzzy_bytes,
                                   row.retained, row.retained_bytes}) {
            out.column(value, kWide);
        }
        out.text("\n");
    }
}

}  // namespace

void print_arena(ReportOutput& out, const ReportParts& parts, size_t index,
                 const HeapSnapshot& s) noexcept {
    if (index < kAllArenas)
        out.text("name: ").text(arena_label(index).view()).text("\n");
    out.text("assigned threads: ").number(s.threads).text("\n");
    out.text("uptime: ").number(s.uptime_ns).text("\n");
    out.text("dss allocation precedence: disabled\n");
    print_decay(out, s);
    print_allocations(out, s);
    print_bytes(out, s);
    if (parts.locks)
        print_locks(out, s);
    if (parts.bins)
        print_bins(out, parts, s);
    if (parts.large)
        print_large(out, s);
    if (parts.extents)
        print_extents(out, index);
    if (parts.huge_pages)
        out.text("HPA shard: none, there is no huge-page allocator\n");
}

}  // namespace granary::ctl
