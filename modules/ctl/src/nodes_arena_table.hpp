// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_arena_table.hpp — nodes about one arena, and about what all arenas share.
#pragma once

#include "nodes_arena.hpp"
#include "nodes_explicit.hpp"

namespace granary::ctl {

inline constexpr Node kArenaNodes[] = {
    {"arena.<arena>.initialized", Type::boolean, Access::read, "there is such an arena",
     nodes::get_initialized},
    {"arena.<arena>.purge", Type::none, Access::action, "gives back all unused pages", nullptr,
     nodes::purge},
    {"arena.<arena>.decay", Type::none, Access::action, "gives back what decay asks for now",
     nullptr, nodes::decay},

    {"arena.<arena>.reset", Type::none, Access::action,
     "frees everything in an arena of the program's", nullptr, nodes::reset},
    {"arena.<arena>.destroy", Type::none, Access::action,
     "the same, and ends it; EFAULT while threads are attached", nullptr, nodes::destroy},
    {"arena.<arena>.dss", Type::text, Access::read_write,
     "constant `disabled`: granary does not move the program's break", nodes::get_dss,
     nodes::set_dss},
    {"arena.<arena>.oversize_threshold", Type::size, Access::read_write,
     "remembered, one for all arenas, without effect: blocks above 1 MiB are chunks of their own",
     nodes::OversizeThreshold::get, nodes::OversizeThreshold::set},
    {"arena.<arena>.dirty_decay_ms", Type::ssize, Access::read_write,
     "decay time of its dirty pages; from then on its own",
     nodes::get_arena_decay_ms<core::arena_dirty_decay_ms>,
     nodes::set_arena_decay_ms<core::set_arena_dirty_decay_ms>},
    {"arena.<arena>.muzzy_decay_ms", Type::ssize, Access::read_write,
     "decay time of its muzzy pages; from then on its own",
     nodes::get_arena_decay_ms<core::arena_muzzy_decay_ms>,
     nodes::set_arena_decay_ms<core::set_arena_muzzy_decay_ms>},
    {"arena.<arena>.extent_hooks", Type::pointer, Access::read_write,
     "extent_hooks_t *: where its memory comes from", nodes::get_extent_hooks,
     nodes::set_extent_hooks},
    {"arena.<arena>.retain_grow_limit", Type::size, Access::read_write,
     "remembered, one for all arenas, without effect: spans of address space end at 256 MiB",
     nodes::RetainGrowLimit::get, nodes::RetainGrowLimit::set},

    {"arena.<arena>.name", Type::text, Access::read_write,
     "a char * each way: to a text of 32 characters that gets the name, to the new name", nullptr,
     nullptr, nodes::exchange_arena_name},

    {"arenas.narenas", Type::uint, Access::read, "number of arenas", nodes::get_arena_count},
    {"arenas.dirty_decay_ms", Type::ssize, Access::read_write, "decay time of dirty pages",
     nodes::get_decay_ms<core::dirty_decay_ms>, nodes::set_decay_ms<core::set_dirty_decay_ms>},
    {"arenas.muzzy_decay_ms", Type::ssize, Access::read_write, "decay time of muzzy pages",
     nodes::get_decay_ms<core::muzzy_decay_ms>, nodes::set_decay_ms<core::set_muzzy_decay_ms>},
    {"arenas.quantum", Type::size, Access::read, "least alignment, bytes",
     nodes::constant<size_t, core::kGeometry.quantum>},
    {"arenas.page", Type::size, Access::read, "page, bytes",
     nodes::constant<size_t, core::kPageSize>},
    {"arenas.hugepage", Type::size, Access::read, "huge page and chunk, bytes",
     nodes::constant<size_t, core::kChunkSize>},
    {"arenas.tcache_max", Type::size, Access::read, "largest size that threads cache, bytes",
     nodes::constant<size_t, core::kSmallMax>},
    {"arenas.nbins", Type::uint, Access::read, "number of small size classes",
     nodes::constant<unsigned, unsigned{core::kSmallClassCount}>},
    {"arenas.nhbins", Type::uint, Access::read, "number of size classes that threads cache",
     nodes::constant<unsigned, unsigned{core::kSmallClassCount}>},
    {"arenas.nlextents", Type::uint, Access::read, "number of large size classes",
     nodes::constant<unsigned, unsigned{core::kLargeClassCount}>},
    {"arenas.bin.<bin>.size", Type::size, Access::read, "size of the class, bytes",
     nodes::get_bin_size},
    {"arenas.bin.<bin>.nregs", Type::u32, Access::read, "regions per run", nodes::get_bin_regions},
    {"arenas.bin.<bin>.slab_size", Type::size, Access::read, "bytes per run",
     nodes::get_bin_run_bytes},
    {"arenas.bin.<bin>.nshards", Type::u32, Access::read, "constant 1: a bin is not divided",
     nodes::constant<uint32_t, 1>},
    {"arenas.lextent.<lextent>.size", Type::size, Access::read, "size of the large class, bytes",
     nodes::get_large_size},
    {"arenas.create", Type::uint, Access::read_write,
     "makes an arena, from an extent_hooks_t * if one is given, and gives its index", nullptr,
     nullptr, nodes::create_arena},
    {"arenas.lookup", Type::uint, Access::read_write,
     "takes a void *, gives the index of the arena it came from", nullptr, nullptr, nodes::lookup},
};

}  // namespace granary::ctl
