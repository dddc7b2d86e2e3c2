// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_json.cpp — the report for programs: one object, jemalloc's keys where granary has the
//                   value, no key twice, every array with one element per size class.
#include <type_traits>

#include <granary/base/build_config.hpp>
#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/ctl/ctl.hpp>
#include <granary/os/huge_pages.hpp>

#include "arena_label.hpp"
#include "build_facts.hpp"
#include "lock_names.hpp"
#include "option_value.hpp"
#include "report_json.hpp"
#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

using core::HeapSnapshot;

void put_options(Json& json) noexcept {
    json.begin_object("opt");
    OptionValue value;
    for (size_t i = 0; i < kOptions.size(); ++i) {
        if (!read_option(i, value))
            continue;
        if (value.is_text) {
            json.text(kOptions[i].name(), value.text.view());
        } else {
            json.raw(kOptions[i].name(), value.text.view());
        }
    }
    json.end_object();
}

void put_general(Json& json) noexcept {
    json.text("version", base::kVersion);
    json.begin_object("config");
    visit_build_facts([&](std::string_view key, auto value) {
        if constexpr (std::is_same_v<decltype(value), bool>) {
            json.boolean(key, value);
        } else {
            json.text(key, value);
        }
    });
    json.end_object();
    json.begin_object("system");
    json.text("thp_mode", os::thp_mode());
    json.end_object();
    put_options(json);
    json.begin_object("arenas");
    json.number("narenas", stats_cache().arena_count(false));
    json.signed_number("dirty_decay_ms", core::dirty_decay_ms());
    json.signed_number("muzzy_decay_ms", core::muzzy_decay_ms());
    json.number("quantum", core::kGeometry.quantum);
    json.number("page", core::kPageSize);
    json.number("hugepage", core::kChunkSize);
    json.number("tcache_max", core::kSmallMax);
    json.number("nbins", core::kSmallClassCount);
    json.number("nhbins", core::kSmallClassCount);
    json.begin_array("bin");
    for (const core::SizeClass& shape : core::kSizeClasses) {
        json.begin_object();
        json.number("size", shape.size);
        json.number("nregs", shape.run_regions);
        json.number("slab_size", size_t{shape.run_pages} * core::kPageSize);
        json.number("nshards", 1);
        json.end_object();
    }
    json.end_array();
    json.number("nlextents", core::kLargeClassCount);
    json.begin_array("lextent");
    for (size_t i = 0; i < core::kLargeClassCount; ++i) {
        json.begin_object();
        json.number("size", core::large_class_size(i));
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void put_process_locks(Json& json) noexcept {
    core::ProcessLocks locks;
    LockSnapshot ctl;
    stats_cache().read_locks(locks, [&](const core::ProcessLocks& all, const LockSnapshot& own) {
        ctl = own;
        return all;
    });
    json.begin_object("mutexes");
    std::string_view word;
    size_t index = 0;
    for (Words words("<lock>"); words.next(word); ++index)
        put_lock(json, word, process_lock(locks, ctl, index));
    json.end_object();
}

void put_totals(Json& json, const ReportParts& parts, const HeapSnapshot& heap) noexcept {
    json.begin_object("stats");
    json.number("allocated", heap.allocated);
    json.number("active", heap.active);
    json.number("metadata", heap.metadata);
    json.number("metadata_edata", heap.metadata_extents);
    json.number("metadata_rtree", 0);
    json.number("metadata_thp", 0);
    json.number("resident", heap.resident);
    json.number("mapped", heap.mapped);
    json.number("retained", heap.retained);
    json.number("pinned", 0);
    json.number("small_allocated", heap.small_allocated);
    json.number("large_allocated", heap.large_allocated);
    json.number("huge_allocated", heap.huge_allocated);
    json.number("cached", heap.cached);
    json.number("dirty", heap.dirty);
    json.number("muzzy", heap.muzzy);
    json.number("zero_reallocs", heap.zero_reallocs);
    json.begin_object("background_thread");
    json.number("num_threads", heap.background_threads);
    json.number("num_runs", heap.background_runs);
    json.number("run_interval", heap.background_interval);
    json.end_object();
    if (parts.locks)
        put_process_locks(json);
    json.end_object();
}

}  // namespace

void Json::text(std::string_view key, std::string_view value) noexcept {
    name(key);
    out_.text("\"");
    for (const char c : value) {
        const std::string_view itself(&c, 1);
        if (c == '"' || c == '\\') {
            out_.text("\\").text(itself);
        } else if (static_cast<unsigned char>(c) < ' ') {
            constexpr std::string_view kHex = "0123456789abcdef";
            out_.text(c < 16 ? "\\u000" : "\\u001").text({&kHex[c & 15], 1});
        } else {
            out_.text(itself);
        }
    }
    out_.text("\"");
}

void report_json(ReportOutput& out, const ReportParts& parts, HeapSnapshot& heap) noexcept {
    Json json(out);
    json.begin_object();
    json.begin_object("jemalloc");
    if (parts.general)
        put_general(json);
    put_totals(json, parts, heap);
    json.begin_object("stats.arenas");
    const unsigned arenas = stats_cache().arena_count(false);
    if (parts.merged && (live_arenas(arenas) > 1 || !parts.arenas))
        put_arena(json, "merged", parts, kAllArenas, heap);
    if (parts.destroyed && stats_cache().copy(kDestroyedArenas, heap))
        put_arena(json, "destroyed", parts, kDestroyedArenas, heap);
    if (parts.arenas) {
        for (unsigned i = 0; i < arenas; ++i) {
            if (!core::arena_exists(i) || !stats_cache().copy(i, heap))
                continue;
            put_arena(json, base::FixedString<12>().append_decimal(i).view(), parts, i, heap);
        }
    }
    json.end_object();
    json.end_object();
    json.end_object();
    out.text("\n");
}

}  // namespace granary::ctl
