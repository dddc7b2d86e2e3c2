// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// surface.hpp — jemalloc's names as its users know them: name, access, bytes.
//
// Role        The contract that conformance_test.cpp holds the tree to. Written from jemalloc's
//             manual, not from granary's table. `{a|b}` is one name per word, `<…>` an index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace granary::tests {

enum class Right {
    read,        ///< EPERM for a write
    read_write,  ///< both
    write,       ///< EPERM for a read
    action,      ///< EPERM for either
    absent,      ///< ENOENT whatever is asked: no profiler
    special,     ///< rules of its own, with a test of its own
};

struct Promise {
    std::string_view name;
    Right right;
    size_t bytes = 0;
};

inline constexpr size_t kPointer = sizeof(void*);
inline constexpr size_t kSize = sizeof(size_t);
inline constexpr size_t kUint = sizeof(unsigned);
inline constexpr size_t kU32 = sizeof(uint32_t);
inline constexpr size_t kU64 = sizeof(uint64_t);
inline constexpr size_t kBool = sizeof(bool);

inline constexpr std::string_view kLockCounters =
    "{num_ops|num_wait|num_spin_acq|num_owner_switch|total_wait_time|max_wait_time}";

inline constexpr Promise kSurface[] = {
    {"version", Right::read, kPointer},
    {"epoch", Right::read_write, kU64},
    {"background_thread", Right::read_write, kBool},
    {"max_background_threads", Right::read_write, kSize},

    {"thread.arena", Right::read_write, kUint},
    {"thread.{allocated|deallocated}", Right::read, kU64},
    {"thread.{allocatedp|deallocatedp}", Right::read, kPointer},
    {"thread.tcache.enabled", Right::read_write, kBool},
    {"thread.tcache.max", Right::read_write, kSize},
    {"thread.tcache.flush", Right::action},
    {"thread.tcache.ncached_max.read_sizeclass", Right::special},
    {"thread.tcache.ncached_max.write", Right::write, kPointer},
    {"thread.peak.read", Right::read, kU64},
    {"thread.peak.reset", Right::action},
    {"thread.prof.{name|active}", Right::absent},
    {"thread.idle", Right::action},

    {"config.{cache_oblivious|debug|fill|lazy_lock|opt_safety_checks|prof|prof_libgcc|"
     "prof_libunwind|prof_frameptr|stats|utrace|xmalloc}",
     Right::read, kBool},
    {"config.malloc_conf", Right::read, kPointer},

    {"tcache.create", Right::special},
    {"tcache.{flush|destroy}", Right::write, kUint},

    {"arena.<arena>.initialized", Right::read, kBool},
    {"arena.<arena>.{decay|purge}", Right::action},
    {"arena.<arena>.{reset|destroy}", Right::special},
    {"arena.<arena>.extent_hooks", Right::read_write, kPointer},
    {"arena.<arena>.name", Right::special},
    {"arena.<arena>.dss", Right::read_write, kPointer},
    {"arena.<arena>.{oversize_threshold|retain_grow_limit}", Right::read_write, kSize},
    {"arena.<arena>.{dirty_decay_ms|muzzy_decay_ms}", Right::read_write, kSize},

    {"arenas.narenas", Right::read, kUint},
    {"arenas.{dirty_decay_ms|muzzy_decay_ms}", Right::read_write, kSize},
    {"arenas.{quantum|page|hugepage|tcache_max}", Right::read, kSize},
    {"arenas.{nbins|nhbins|nlextents}", Right::read, kUint},
    {"arenas.bin.<bin>.{size|slab_size}", Right::read, kSize},
    {"arenas.bin.<bin>.{nregs|nshards}", Right::read, kU32},
    {"arenas.lextent.<lextent>.size", Right::read, kSize},
    {"arenas.{create|lookup}", Right::special},

    {"prof.{thread_active_init|gdump|dump|prefix|log_start|log_stop|reset|interval|lg_sample}",
     Right::absent},
    {"prof.active", Right::special},
    {"prof.stats.bins.<bin>.{live|accum}", Right::absent},
    {"prof.stats.lextents.<lextent>.{live|accum}", Right::absent},

    {"stats.{allocated|active|metadata|metadata_edata|metadata_rtree|metadata_thp|resident|mapped|"
     "retained|pinned}",
     Right::read, kSize},
    {"stats.background_thread.num_threads", Right::read, kSize},
    {"stats.mutexes.{background_thread|max_per_bg_thd|ctl|prof|prof_thds_data|prof_dump|"
     "prof_recent_alloc|prof_recent_dump|prof_stats}.max_num_thds",
     Right::read, kU32},
    {"stats.mutexes.{background_thread|max_per_bg_thd|ctl|prof|prof_thds_data|prof_dump|"
     "prof_recent_alloc|prof_recent_dump|prof_stats}.<counter>",
     Right::read, kU64},
    {"stats.mutexes.reset", Right::action},

    {"stats.arenas.<arena>.nthreads", Right::read, kUint},
    {"stats.arenas.<arena>.uptime", Right::read, kU64},
    {"stats.arenas.<arena>.dss", Right::read, kPointer},
    {"stats.arenas.<arena>.{dirty_decay_ms|muzzy_decay_ms}", Right::read, kSize},
    {"stats.arenas.<arena>.{pactive|pdirty|pmuzzy|mapped|retained|pinned|extent_avail}",
     Right::read, kSize},
    {"stats.arenas.<arena>.{dirty_npurge|dirty_nmadvise|dirty_purged}", Right::read, kU64},
    {"stats.arenas.<arena>.{muzzy_npurge|muzzy_nmadvise|muzzy_purged}", Right::read, kU64},
    {"stats.arenas.<arena>.{base|internal|metadata_edata|metadata_rtree|metadata_thp|tcache_bytes|"
     "tcache_stashed_bytes|resident|abandoned_vm}",
     Right::read, kSize},
    {"stats.arenas.<arena>.{hpa_sec_bytes|hpa_sec_hits|hpa_sec_misses|hpa_sec_dalloc_noflush|"
     "hpa_sec_dalloc_flush|hpa_sec_overfills}",
     Right::read, kSize},
    {"stats.arenas.<arena>.{small|large}.allocated", Right::read, kSize},
    {"stats.arenas.<arena>.{small|large}.{nmalloc|ndalloc|nrequests|nfills|nflushes}", Right::read,
     kU64},
    {"stats.arenas.<arena>.small.resident", Right::read, kSize},
    {"stats.arenas.<arena>.bins.<bin>.{nmalloc|ndalloc|nrequests|nfills|nflushes|nslabs|nreslabs}",
     Right::read, kU64},
    {"stats.arenas.<arena>.bins.<bin>.{curregs|curslabs|nonfull_slabs}", Right::read, kSize},
    {"stats.arenas.<arena>.bins.<bin>.mutex.<counter>", Right::read, kU64},
    {"stats.arenas.<arena>.bins.<bin>.mutex.max_num_thds", Right::read, kU32},
    {"stats.arenas.<arena>.lextents.<lextent>.{nmalloc|ndalloc|nrequests}", Right::read, kU64},
    {"stats.arenas.<arena>.lextents.<lextent>.curlextents", Right::read, kSize},
    {"stats.arenas.<arena>.extents.<extent>.{ndirty|nmuzzy|nretained|npinned|dirty_bytes|"
     "muzzy_bytes|retained_bytes|pinned_bytes}",
     Right::read, kSize},
    {"stats.arenas.<arena>.mutexes.{large|extent_avail|extents_dirty|extents_muzzy|"
     "extents_retained|extents_pinned|decay_dirty|decay_muzzy|base|tcache_list|hpa_shard|"
     "hpa_shard_grow|hpa_sec}.<counter>",
     Right::read, kU64},
    {"stats.arenas.<arena>.mutexes.{large|extent_avail|extents_dirty|extents_muzzy|"
     "extents_retained|extents_pinned|decay_dirty|decay_muzzy|base|tcache_list|hpa_shard|"
     "hpa_shard_grow|hpa_sec}.max_num_thds",
     Right::read, kU32},
    {"stats.arenas.<arena>.hpa_shard.{npageslabs|nactive|ndirty}", Right::read, kSize},
    {"stats.arenas.<arena>.hpa_shard.{npurge_passes|npurges|nhugifies|nhugify_failures|"
     "ndehugifies}",
     Right::read, kU64},
    {"stats.arenas.<arena>.hpa_shard.{slabs|full_slabs|empty_slabs}.{npageslabs_nonhuge|"
     "npageslabs_huge|nactive_nonhuge|nactive_huge|ndirty_nonhuge|ndirty_huge}",
     Right::read, kSize},
    {"stats.arenas.<arena>.hpa_shard.nonfull_slabs.<slab>.{npageslabs_nonhuge|npageslabs_huge|"
     "nactive_nonhuge|nactive_huge|ndirty_nonhuge|ndirty_huge}",
     Right::read, kSize},
    {"stats.arenas.<arena>.hpa_shard.alloc.<psclass>.{min_extents|max_extents|extents|ps|"
     "pages_per_ps|extents_per_ps|total_elapsed_ns_per_ps}",
     Right::read, kU64},

    {"approximate_stats.active", Right::read, kSize},
    {"experimental.hooks.{prof_backtrace|prof_dump|prof_sample|prof_sample_free}", Right::absent},
    {"experimental.hooks.safety_check_abort", Right::write, kPointer},
    {"experimental.hooks.thread_event", Right::write, kPointer + kU64 + 8},
    {"experimental.arenas.<arena>.pactivep", Right::read, kPointer},
    {"experimental.arenas_create_ext", Right::special},
    {"experimental.utilization.{query|batch_query}", Right::special},
    {"experimental.batch_alloc", Right::special},
    {"experimental.prof_recent.{alloc_max|alloc_dump}", Right::absent},
};

}  // namespace granary::tests
