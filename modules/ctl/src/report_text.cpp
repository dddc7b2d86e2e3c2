// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_text.cpp — the report for people. Its words are looked for by programs: a new line is
//                   fine, a changed one needs an entry in the change log.
#include <granary/base/build_config.hpp>
#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/ctl/ctl.hpp>
#include <granary/os/huge_pages.hpp>

#include "lock_names.hpp"
#include "option_value.hpp"
#include "report_output.hpp"
#include "report_table.hpp"
#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

using core::HeapSnapshot;

void print_general(ReportOutput& out) noexcept {
    out.text("Version: \"").text(base::kVersion).text("\"\n");
    out.text("Assertions ").text(base::kDebug ? "enabled\n" : "disabled\n");
    out.text("Profiling: not built in\n");
    out.text("Run-time option settings:\n");
    OptionValue value;
    for (size_t i = 0; i < kOptions.size(); ++i) {
        if (!read_option(i, value))
            continue;
        const std::string_view quote = value.is_text ? "\"" : "";
        out.text("  opt.").text(kOptions[i].name()).text(": ");
        out.text(quote).text(value.text.view()).text(quote).text("\n");
    }
    out.text("Current decay times (ms): dirty ").signed_number(core::dirty_decay_ms());
    out.text(", muzzy ").signed_number(core::muzzy_decay_ms()).text("\n");
    out.text("Arenas: ").number(core::arena_count());
    out.text(", at most ").number(core::arena_limit()).text("\n");
    out.text("Transparent huge pages: ").text(os::thp_mode()).text("\n");
    out.text("Quantum size: ").number(core::kGeometry.quantum).text("\n");
    out.text("Page size: ").number(core::kPageSize).text("\n");
    out.text("Hugepage size: ").number(core::kChunkSize).text("\n");
    out.text("Maximum thread-cached size class: ").number(core::kSmallMax).text("\n");
    out.text("Number of bin size classes: ").number(core::kSmallClassCount).text("\n");
    out.text("Number of thread-cache bin size classes: ").number(core::kSmallClassCount);
    out.text("\nNumber of large size classes: ").number(core::kLargeClassCount).text("\n");
}

void print_locks(ReportOutput& out) noexcept {
    core::ProcessLocks locks;
    LockSnapshot ctl;
    stats_cache().read_locks(locks, [&](const core::ProcessLocks& all, const LockSnapshot& own) {
        ctl = own;
        return all;
    });
    print_lock_header(out, "locks:");
    std::string_view word;
    size_t index = 0;
    for (Words words("<lock>"); words.next(word); ++index) {
        const LockSnapshot lock = process_lock(locks, ctl, index);
        if (lock.acquired != 0)
            print_lock_row(out, word, lock);
    }
}

void print_totals(ReportOutput& out, const ReportParts& parts, const HeapSnapshot& heap) noexcept {
    out.text("Allocated: ").number(heap.allocated);
    out.text(", active: ").number(heap.active);
    out.text(", metadata: ").number(heap.metadata);
    out.text(" (n_thp 0, edata ").number(heap.metadata_extents).text(", rtree 0)");
    out.text(", resident: ").number(heap.resident);
    out.text(", mapped: ").number(heap.mapped);
    out.text(", retained: ").number(heap.retained);
    out.text(", pinned: 0\nUnused: ").number(heap.cached).text(" in magazines, ");
    out.number(heap.dirty).text(" dirty, ").number(heap.muzzy).text(" muzzy\n");
    out.text("Count of realloc(non-null-ptr, 0) calls: ").number(heap.zero_reallocs).text("\n");
    out.text("Background threads: ").number(heap.background_threads).text("\n");
    if (parts.locks)
        print_locks(out);
}

}  // namespace

void report_text(ReportOutput& out, const ReportParts& parts, HeapSnapshot& heap) noexcept {
    out.text("___ Begin jemalloc statistics ___\n");
    if (parts.general)
        print_general(out);
    print_totals(out, parts, heap);
    const unsigned arenas = stats_cache().arena_count(false);
    if (parts.merged && (arenas > 1 || !parts.arenas)) {
        out.text("\nMerged arenas stats:\n");
        print_arena(out, parts, kAllArenas, heap);
    }
    if (parts.destroyed && stats_cache().copy(kDestroyedArenas, heap)) {
        out.text("\nDestroyed arenas stats:\n");
        print_arena(out, parts, kDestroyedArenas, heap);
    }
    if (parts.arenas) {
        for (unsigned i = 0; i < arenas; ++i) {
            if (!stats_cache().copy(i, heap))
                continue;
            out.text("\narenas[").number(i).text("]:\n");
            print_arena(out, parts, i, heap);
        }
    }
    out.text("--- End jemalloc statistics ---\n");
}

}  // namespace granary::ctl
