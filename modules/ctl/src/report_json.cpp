// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_json.cpp — the report for programs: one object, jemalloc's keys where granary has the
//                   value, no key twice, every array with one element per size class.
#include <granary/base/build_config.hpp>
#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>

#include "report_output.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace {

using core::BinSnapshot;
using core::HeapSnapshot;

/// Emits JSON and puts the commas. Keys and texts are granary's own and need no escaping.
class Json {
public:
    explicit Json(ReportOutput& out) noexcept : out_(out) {}

    void begin_object(std::string_view key = {}) noexcept { begin(key, "{"); }
    void end_object() noexcept { end("}"); }
    void begin_array(std::string_view key) noexcept { begin(key, "["); }
    void end_array() noexcept { end("]"); }

    void number(std::string_view key, uint64_t value) noexcept {
        name(key);
        out_.number(value);
    }
    void signed_number(std::string_view key, int64_t value) noexcept {
        name(key);
        out_.signed_number(value);
    }
    void boolean(std::string_view key, bool value) noexcept {
        name(key);
        out_.text(value ? "true" : "false");
    }
    void text(std::string_view key, std::string_view value) noexcept {
        name(key);
        out_.text("\"").text(value).text("\"");
    }

private:
    void name(std::string_view key) noexcept {
        if (!first_)
            out_.text(",");
        first_ = false;
        if (!key.empty())
            out_.text("\"").text(key).text("\":");
    }
    void begin(std::string_view key, std::string_view bracket) noexcept {
        name(key);
        out_.text(bracket);
        first_ = true;
    }
    void end(std::string_view bracket) noexcept {
        out_.text(bracket);
        first_ = false;
    }

    ReportOutput& out_;
    bool first_ = true;
};

void put_options(Json& json) noexcept {
    json.begin_object("opt");
    for (const OptionInfo& option : kOptions) {
        const int64_t value = option.get(startup_settings());
        if (option.type == OptionType::boolean) {
            json.boolean(option.name, value != 0);
        } else if (option.name == "narenas") {
            json.number(option.name, core::arena_limit());
        } else {
            json.signed_number(option.name, value);
        }
    }
    json.end_object();
}

void put_general(Json& json) noexcept {
    json.text("version", base::kVersion);
    json.begin_object("config");
    json.boolean("cache_oblivious", false);
    json.boolean("debug", base::kDebug);
    json.boolean("fill", false);
    json.boolean("lazy_lock", false);
    json.text("malloc_conf", "");
    json.boolean("prof", false);
    json.boolean("stats", true);
    json.boolean("utrace", false);
    json.boolean("xmalloc", false);
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
    json.begin_array("bin");
    for (const core::SizeClass& shape : core::kSizeClasses) {
        json.begin_object();
        json.number("size", shape.size);
        json.number("nregs", shape.run_regions);
        json.number("slab_size", size_t{shape.run_pages} * core::kPageSize);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void put_totals(Json& json, const HeapSnapshot& heap) noexcept {
    json.begin_object("stats");
    json.number("allocated", heap.allocated);
    json.number("active", heap.active);
    json.number("metadata", heap.metadata);
    json.number("resident", heap.resident);
    json.number("mapped", heap.mapped);
    json.number("retained", heap.retained);
    json.number("small_allocated", heap.small_allocated);
    json.number("large_allocated", heap.large_allocated);
    json.number("huge_allocated", heap.huge_allocated);
    json.number("cached", heap.cached);
    json.number("dirty", heap.dirty);
    json.number("muzzy", heap.muzzy);
    json.end_object();
}

void put_bins(Json& json, const HeapSnapshot& s) noexcept {
    json.begin_array("bins");
    for (const BinSnapshot& bin : s.bins) {
        json.begin_object();
        json.number("curregs", bin.live_regions);
        json.number("cached", bin.cached_regions);
        json.number("nfills", bin.fills);
        json.number("nflushes", bin.flushes);
        json.number("nslabs", bin.runs_made);
        json.number("curslabs", bin.runs);
        json.number("nonfull_slabs", bin.nonfull_runs);
        json.end_object();
    }
    json.end_array();
}

void put_arena(Json& json, std::string_view key, const ReportParts& parts,
               const HeapSnapshot& s) noexcept {
    json.begin_object(key);
    json.number("nthreads", s.threads);
    json.number("pactive", s.active / core::kPageSize);
    json.number("pdirty", s.dirty / core::kPageSize);
    json.number("pmuzzy", s.muzzy / core::kPageSize);
    json.number("dirty_npurge", s.dirty_purges);
    json.number("dirty_nmadvise", s.dirty_madvises);
    json.number("dirty_purged", s.dirty_purged);
    json.number("muzzy_npurge", s.muzzy_purges);
    json.number("muzzy_nmadvise", s.muzzy_madvises);
    json.number("muzzy_purged", s.muzzy_purged);
    json.begin_object("small");
    json.number("allocated", s.small_allocated);
    json.end_object();
    json.begin_object("large");
    json.number("allocated", s.large_allocated + s.huge_allocated);
    json.end_object();
    json.number("mapped", s.mapped);
    json.number("retained", s.retained);
    json.number("resident", s.resident);
    json.number("tcache_bytes", s.cached);
    if (parts.bins)
        put_bins(json, s);
    json.end_object();
}

}  // namespace

void report_json(ReportOutput& out, const ReportParts& parts, HeapSnapshot& heap) noexcept {
    Json json(out);
    json.begin_object();
    json.begin_object("jemalloc");
    if (parts.general)
        put_general(json);
    put_totals(json, heap);
    json.begin_object("stats.arenas");
    if (parts.merged)
        put_arena(json, "merged", parts, heap);
    if (parts.arenas) {
        for (unsigned i = 0; i < stats_cache().arena_count(false); ++i) {
            if (!core::take_arena_snapshot(i, heap))
                continue;
            put_arena(json, base::FixedString<12>().append_decimal(i).view(), parts, heap);
        }
    }
    json.end_object();
    json.end_object();
    json.end_object();
    out.text("\n");
}

}  // namespace granary::ctl
