// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_text.cpp — the report for people. Its words are looked for by programs: a new line is
//                   fine, a changed one needs an entry in the change log.
#include <type_traits>

#include <granary/base/build_config.hpp>
#include <granary/core/background.hpp>
#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/ctl/ctl.hpp>
#include <granary/os/huge_pages.hpp>

#include "arena_label.hpp"
#include "build_facts.hpp"
#include "lock_names.hpp"
#include "option_value.hpp"
#include "report_output.hpp"
#include "report_table.hpp"
#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

using core::HeapSnapshot;

void print_build(ReportOutput& out) noexcept {
    out.text("Version: \"").text(base::kVersion).text("\"\n");
    out.text("Build-time option settings\n");
    visit_build_facts([&](std::string_view key, auto value) {
        out.text("  config.").text(key).text(": ");
        if constexpr (std::is_same_v<decltype(value), bool>) {
            out.text(value ? "true\n" : "false\n");
        } else {
            out.text("\"").text(value).text("\"\n");
        }
    });
    out.text("System configuration\n  system.thp_mode: \"").text(os::thp_mode()).text("\"\n");
}

/// What an option has become since the start, behind its value.
void print_current(ReportOutput& out, size_t option) noexcept {
    if (option == row("dirty_decay_ms")) {
        out.text(" (arenas.dirty_decay_ms: ").signed_number(core::dirty_decay_ms()).text(")");
    } else if (option == row("muzzy_decay_ms")) {
        out.text(" (arenas.muzzy_decay_ms: ").signed_number(core::muzzy_decay_ms()).text(")");
    } else if (option == row("background_thread")) {
        out.text(core::background_thread_enabled() ? " (background_thread: true)"
                                                   : " (background_thread: false)");
    } else if (option == row("max_background_threads")) {
        out.text(" (max_background_threads: ").number(core::max_background_threads()).text(")");
    }
}

void print_options(ReportOutput& out) noexcept {
    out.text("Run-time option settings\n");
    OptionValue value;
    for (size_t i = 0; i < kOptions.size(); ++i) {
        if (!read_option(i, value))
            continue;
        const std::string_view quote = value.is_text ? "\"" : "";
        out.text("  opt.").text(kOptions[i].name()).text(": ");
        out.text(quote).text(value.text.view()).text(quote);
        print_current(out, i);
        out.text("\n");
    }
}

void print_general(ReportOutput& out) noexcept {
    print_build(out);
    print_options(out);
    out.text("Arenas: ").number(core::arena_count());
    out.text(", at most ").number(core::arena_limit()).text("\n");
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
    out.text("Background threads: ").number(heap.background_threads);
    out.text(", num_runs: ").number(heap.background_runs);
    out.text(", run_interval: ").number(heap.background_interval).text(" ns\n");
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
    if (parts.merged && (live_arenas(arenas) > 1 || !parts.arenas)) {
        out.text("\nMerged arenas stats:\n");
        print_arena(out, parts, kAllArenas, heap);
    }
    if (parts.destroyed && stats_cache().copy(kDestroyedArenas, heap)) {
        out.text("\nDestroyed arenas stats:\n");
        print_arena(out, parts, kDestroyedArenas, heap);
    }
    if (parts.arenas) {
        for (unsigned i = 0; i < arenas; ++i) {
            if (!core::arena_exists(i) || !stats_cache().copy(i, heap))
                continue;
            out.text("\narenas[").number(i).text("]:\n");
            print_arena(out, parts, i, heap);
        }
    }
    out.text("--- End jemalloc statistics ---\n");
}

}  // namespace granary::ctl
