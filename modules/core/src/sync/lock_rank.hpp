// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lock_rank.hpp — the one order in which locks are taken.
//
// Role        Acquire downwards only (rising numbers). The table drives the debug witness,
//             the fork handlers and docs/LOCKS.md.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace granary::core {

enum class LockRank : uint8_t {
    boot,
    background,
    arena_set,
    explicit_cache,
    upkeep,
    inbox,
    chunk_source,
    page_allocator,
    bin,
    huge_list,
    magazine_pool,
    page_map,
    metadata_heap,
};

struct LockRankInfo {
    LockRank rank;
    std::string_view name;
    std::string_view layer;
    std::string_view protects;
};

/// One row per rank, in order of acquisition.
inline constexpr std::array kLockRanks{
    LockRankInfo{LockRank::boot, "boot", "heap", "one-time initialisation"},
    LockRankInfo{LockRank::background, "background", "heap",
                 "start and stop of the purging thread"},
    LockRankInfo{LockRank::arena_set, "arena_set", "cache",
                 "arenas, thread states, who adopts what"},
    LockRankInfo{LockRank::explicit_cache, "explicit_cache", "cache",
                 "one thread cache made by the program; which of them exist"},
    LockRankInfo{LockRank::upkeep, "upkeep", "arena",
                 "reset of one arena made by the program, against its decay by other threads"},
    LockRankInfo{LockRank::inbox, "inbox", "arena", "emptying of one arena's inbox"},
    LockRankInfo{LockRank::chunk_source, "chunk_source", "page",
                 "address space, free chunks, huge blocks"},
    LockRankInfo{LockRank::page_allocator, "page_allocator", "page",
                 "pages of one arena's chunks, its large regions"},
    LockRankInfo{LockRank::bin, "bin", "arena",
                 "runs and parked magazines of one class of one arena"},
    LockRankInfo{LockRank::huge_list, "huge_list", "arena",
                 "which huge blocks an arena made by the program has"},
    LockRankInfo{LockRank::magazine_pool, "magazine_pool", "cache", "empty magazines"},
    LockRankInfo{LockRank::page_map, "page_map", "meta",
                 "creation of leaves (reads are lock-free)"},
    LockRankInfo{LockRank::metadata_heap, "metadata_heap", "meta", "bump memory of descriptors"},
};

}  // namespace granary::core
