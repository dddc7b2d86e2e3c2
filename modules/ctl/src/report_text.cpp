// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_text.cpp — the report for people. Its words are looked for by programs: a new line is
//                   fine, a changed one needs an entry in the change log.
#include <granary/base/build_config.hpp>
#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>

#include "report_output.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace {

using core::BinSnapshot;
using core::HeapSnapshot;

constexpr size_t kWide = 14;
constexpr size_t kNarrow = 9;

void print_general(ReportOutput& out) noexcept {
    out.text("Version: \"").text(base::kVersion).text("\"\n");
    out.text("Assertions ").text(base::kDebug ? "enabled\n" : "disabled\n");
    out.text("Run-time option settings:\n");
    for (const OptionInfo& option : kOptions) {
        const int64_t value = option.get(startup_settings());
        out.text("  opt.").text(option.name).text(": ");
        if (option.type == OptionType::boolean) {
            out.text(value != 0 ? "true" : "false");
        } else if (!option.word.empty() && value == option.word_value) {
            out.text(option.word);
        } else {
            out.signed_number(value);
        }
        out.text("\n");
    }
    out.text("Current decay times (ms): dirty ").signed_number(core::dirty_decay_ms());
    out.text(", muzzy ").signed_number(core::muzzy_decay_ms()).text("\n");
    out.text("Arenas: ").number(core::arena_count());
    out.text(", at most ").number(core::arena_limit()).text("\n");
    out.text("Quantum size: ").number(core::kGeometry.quantum).text("\n");
    out.text("Page size: ").number(core::kPageSize).text("\n");
    out.text("Maximum thread-cached size class: ").number(core::kSmallMax).text("\n");
    out.text("Number of bin size classes: ").number(core::kSmallClassCount).text("\n");
}

void print_totals(ReportOutput& out, const HeapSnapshot& heap) noexcept {
    out.text("Allocated: ").number(heap.allocated);
    out.text(", active: ").number(heap.active);
    out.text(", metadata: ").number(heap.metadata);
    out.text(", resident: ").number(heap.resident);
    out.text(", mapped: ").number(heap.mapped);
    out.text(", retained: ").number(heap.retained);
    out.text("\nUnused: ").number(heap.cached).text(" in thread caches, ");
    out.number(heap.dirty).text(" dirty, ").number(heap.muzzy).text(" muzzy\n");
    out.text("Background thread: ");
    out.text(core::background_thread_enabled() ? "on\n" : "off\n");
}

void print_decay_row(ReportOutput& out, std::string_view name, size_t bytes, uint64_t passes,
                     uint64_t calls, uint64_t pages) noexcept {
    out.text(name).column(bytes / core::kPageSize, kNarrow).column(passes, kNarrow);
    out.column(calls, kNarrow).column(pages, kWide).text("\n");
}

void print_decay(ReportOutput& out, const HeapSnapshot& s) noexcept {
    out.text("decaying:").column("npages", kNarrow).column("sweeps", kNarrow);
    out.column("madvises", kNarrow).column("purged", kWide).text("\n");
    print_decay_row(out, "   dirty:", s.dirty, s.dirty_purges, s.dirty_madvises, s.dirty_purged);
    print_decay_row(out, "   muzzy:", s.muzzy, s.muzzy_purges, s.muzzy_madvises, s.muzzy_purged);
}

size_t live_small_regions(const HeapSnapshot& s) noexcept {
    size_t count = 0;
    for (const BinSnapshot& bin : s.bins) count += bin.live_regions;
    return count;
}

void print_allocation_row(ReportOutput& out, std::string_view name, size_t bytes,
                          size_t regions) noexcept {
    out.text(name).column(bytes, kWide).column(regions, kWide).text("\n");
}

void print_allocations(ReportOutput& out, const HeapSnapshot& s) noexcept {
    const size_t small = live_small_regions(s);
    out.text("         ").column("allocated", kWide).column("regions", kWide).text("\n");
    print_allocation_row(out, "small:   ", s.small_allocated, small);
    print_allocation_row(out, "large:   ", s.large_allocated, s.large_live);
    print_allocation_row(out, "huge:    ", s.huge_allocated, s.huge_live);
    print_allocation_row(out, "total:   ", s.allocated, small + s.large_live + s.huge_live);
    auto line = [&](std::string_view name, size_t bytes) {
        out.text(name).column(bytes, kWide).text("\n");
    };
    line("active:  ", s.active);
    line("mapped:  ", s.mapped);
    line("retained:", s.retained);
    line("resident:", s.resident);
    line("cached:  ", s.cached);
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

void print_bins(ReportOutput& out, const HeapSnapshot& s) noexcept {
    out.text("bins:    ").column("size", kNarrow).column("ind", 4).column("allocated", kWide);
    out.column("curregs", kNarrow).column("cached", kNarrow).column("curslabs", kNarrow);
    out.column("nonfull", kNarrow).column("util", 6).column("nslabs", kNarrow);
    out.column("nfills", kNarrow).column("nflushes", kNarrow).text("\n");
    bool gap = false;
    for (size_t i = 0; i < s.bins.size(); ++i) {
        const BinSnapshot& bin = s.bins[i];
        const core::SizeClass& shape = core::kSizeClasses[i];
        if (bin.runs_made == 0) {
            gap = true;
            continue;
        }
        if (gap)
            out.text("                   ---\n");
        gap = false;
        out.text("         ").column(shape.size, kNarrow).column(i, 4);
        out.column(bin.live_regions * shape.size, kWide).column(bin.live_regions, kNarrow);
        out.column(bin.cached_regions, kNarrow).column(bin.runs, kNarrow);
        out.column(bin.nonfull_runs, kNarrow);
        out.column(utilisation(bin.live_regions, bin.runs * shape.run_regions).view(), 6);
        out.column(bin.runs_made, kNarrow).column(bin.fills, kNarrow).column(bin.flushes, kNarrow);
        out.text("\n");
    }
    if (gap)
        out.text("                   ---\n");
}

void print_arena(ReportOutput& out, const ReportParts& parts, const HeapSnapshot& s) noexcept {
    out.text("assigned threads: ").number(s.threads).text("\n");
    print_decay(out, s);
    print_allocations(out, s);
    if (parts.bins)
        print_bins(out, s);
}

}  // namespace

void report_text(ReportOutput& out, const ReportParts& parts, HeapSnapshot& heap) noexcept {
    out.text("___ Begin granary statistics ___\n");
    if (parts.general)
        print_general(out);
    print_totals(out, heap);
    if (parts.merged) {
        out.text("\nMerged arenas stats:\n");
        print_arena(out, parts, heap);
    }
    if (parts.arenas) {
        for (unsigned i = 0; i < stats_cache().arena_count(false); ++i) {
            if (!core::take_arena_snapshot(i, heap))
                continue;
            out.text("\narenas[").number(i).text("]:\n");
            print_arena(out, parts, heap);
        }
    }
    out.text("--- End granary statistics ---\n");
}

}  // namespace granary::ctl
