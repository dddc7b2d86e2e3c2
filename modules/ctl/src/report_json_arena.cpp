// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_json_arena.cpp — one arena's block of the JSON form; every array has an element per class.
#include <granary/ctl/ctl.hpp>

#include "arena_label.hpp"
#include "lock_names.hpp"
#include "report_json.hpp"
#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

using core::BinSnapshot;
using core::HeapSnapshot;

void put_decay(Json& json, const HeapSnapshot& s) noexcept {
    json.signed_number("dirty_decay_ms", s.dirty_decay_ms);
    json.signed_number("muzzy_decay_ms", s.muzzy_decay_ms);
    json.number("pactive", s.active / core::kPageSize);
    json.number("pdirty", s.dirty / core::kPageSize);
    json.number("pmuzzy", s.muzzy / core::kPageSize);
    json.number("dirty_npurge", s.dirty_purges);
    json.number("dirty_nmadvise", s.dirty_madvises);
    json.number("dirty_purged", s.dirty_purged);
    json.number("muzzy_npurge", s.muzzy_purges);
    json.number("muzzy_nmadvise", s.muzzy_madvises);
    json.number("muzzy_purged", s.muzzy_purged);
}

void put_kind(Json& json, std::string_view key, const AllocationCounts& counts) noexcept {
    json.begin_object(key);
    json.number("allocated", counts.allocated);
    json.number("nmalloc", counts.made);
    json.number("ndalloc", counts.freed);
    json.number("nrequests", counts.made);
    json.number("nfills", counts.fills);
    json.number("nflushes", counts.flushes);
}

void put_bytes(Json& json, const HeapSnapshot& s) noexcept {
    json.number("mapped", s.mapped);
    json.number("retained", s.retained);
    json.number("pinned", 0);
    json.number("base", s.metadata);
    json.number("internal", 0);
    json.number("metadata_edata", s.metadata_extents);
    json.number("metadata_rtree", 0);
    json.number("metadata_thp", 0);
    json.number("tcache_bytes", s.thread_cached);
    json.number("tcache_stashed_bytes", 0);
    json.number("parked_bytes", s.cached - s.thread_cached);
    json.number("resident", s.resident);
    json.number("abandoned_vm", 0);
    json.number("extent_avail", s.spare_extents);
}

void put_locks(Json& json, const HeapSnapshot& s) noexcept {
    json.begin_object("mutexes");
    std::string_view word;
    size_t index = 0;
    for (Words words("<arena_lock>"); words.next(word); ++index)
        put_lock(json, word, arena_lock(s, index));
    json.end_object();
}

void put_bins(Json& json, const ReportParts& parts, const HeapSnapshot& s) noexcept {
    json.begin_array("bins");
    for (const BinSnapshot& bin : s.bins) {
        json.begin_object();
        json.number("nmalloc", bin.regions_made);
        json.number("ndalloc", bin.regions_returned);
        json.number("curregs", bin.live_regions);
        json.number("cached", bin.cached_regions);
        json.number("nrequests", bin.regions_made);
        json.number("nfills", bin.fills);
        json.number("nflushes", bin.flushes);
        json.number("nslabs", bin.runs_made);
        json.number("nreslabs", 0);
        json.number("curslabs", bin.runs);
        json.number("nonfull_slabs", bin.nonfull_runs);
        if (parts.locks)
            put_lock(json, "mutex", bin.lock);
        json.end_object();
    }
    json.end_array();
}

void put_large(Json& json, const HeapSnapshot& s) noexcept {
    json.begin_array("lextents");
    for (const core::LargeClassSnapshot& large : s.large_classes) {
        json.begin_object();
        json.number("nmalloc", large.made);
        json.number("ndalloc", large.freed);
        json.number("nrequests", large.made);
        json.number("curlextents", large.live());
        json.end_object();
    }
    json.end_array();
}

void put_extents(Json& json, size_t index) noexcept {
    json.begin_array("extents");
    for (size_t i = 0; i < core::kPageClassCount; ++i) {
        core::PageRowsSnapshot::Counts counts;
        if (stats_cache().read_rows(index, counts, [&](const core::PageRowsSnapshot& rows) {
                return rows.classes[i];
            }) != 0) {
            counts = {};
        }
        json.begin_object();
        json.number("ndirty", counts.dirty);
        json.number("nmuzzy", counts.muzzy);
        json.number("nretained", counts.retained);
        json.number("npinned", 0);
        json.number("dirty_bytes", counts.dirty_bytes);
        json.number("muzzy_bytes", counts.muzzy_bytes);
        json.number("retained_bytes", counts.retained_bytes);
        json.number("pinned_bytes", 0);
        json.end_object();
    }
    json.end_array();
}

/// There is no huge-page allocator: zeros under its keys.
void put_huge_pages(Json& json) noexcept {
    const auto zeros = [&](std::initializer_list<std::string_view> keys) {
        for (const std::string_view key : keys) json.number(key, 0);
    };
    const auto counts = [&] {
        std::string_view word;
        for (Words words("<shard_count>"); words.next(word);) json.number(word, 0);
        json.end_object();
    };
    const auto slabs = [&](std::string_view key) {
        json.begin_object(key);
        counts();
    };
    json.begin_object("hpa_shard");
    zeros({"sec_bytes", "sec_hits", "sec_misses", "sec_dalloc_noflush", "sec_dalloc_flush",
           "sec_overfills", "npageslabs", "nactive", "ndirty", "npurge_passes", "npurges",
           "nhugifies", "nhugify_failures", "ndehugifies"});
    slabs("slabs");
    json.begin_array("extent_allocation_distribution");
    for (size_t i = 0; i < kShardAllocClasses; ++i) {
        json.begin_object();
        zeros({"min_extents", "max_extents", "extents", "ps", "pages_per_ps", "extents_per_ps",
               "total_elapsed_ns_per_ps"});
        json.end_object();
    }
    json.end_array();
    slabs("full_slabs");
    slabs("empty_slabs");
    json.begin_array("nonfull_slabs");
    for (size_t i = 0; i < kShardSlabClasses; ++i) {
        json.begin_object();
        counts();
    }
    json.end_array();
    json.end_object();
}

}  // namespace

void put_lock(Json& json, std::string_view key, const core::LockSnapshot& lock) noexcept {
    json.begin_object(key);
    std::string_view word;
    size_t index = 0;
    for (Words words("<counter>"); words.next(word); ++index)
        json.number(word, lock_counter(lock, index));
    json.number("max_num_thds", lock.most_waiting);
    json.end_object();
}

void put_arena(Json& json, std::string_view key, const ReportParts& parts, size_t index,
               const HeapSnapshot& s) noexcept {
    json.begin_object(key);
    if (index < kAllArenas)
        json.text("name", arena_label(index).view());
    json.number("nthreads", s.threads);
    json.number("uptime_ns", s.uptime_ns);
    json.text("dss", "disabled");
    put_decay(json, s);
    put_kind(json, "small", small_counts(s));
    json.number("resident", s.small_resident);
    json.end_object();
    put_kind(json, "large", large_counts(s));
    json.end_object();
    put_bytes(json, s);
    if (parts.locks)
        put_locks(json, s);
    if (parts.bins)
        put_bins(json, parts, s);
    if (parts.large)
        put_large(json, s);
    if (parts.extents)
        put_extents(json, index);
    if (parts.huge_pages)
        put_huge_pages(json);
    json.end_object();
}

}  // namespace granary::ctl
