// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_part.hpp — what an arena has because programs can name it.
//
// Role        Name and end of life of arenas, and the list of huge blocks of those that the
//             program made: reset() must find every block without anybody's help.
// Invariants  Q1  every live huge block of an arena made by the program is in `huge`.
// Locking     Beside each member.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "meta/extent.hpp"
#include "sync/mutex.hpp"

namespace granary::core {

class ChunkSource;
struct HookedArena;

/// Who makes an arena: granary, for threads as they come, or the program, by name.
enum class Maker : uint8_t { granary, program };

struct ExplicitPart {
    static constexpr size_t kNameSize = 32;

    constexpr explicit ExplicitPart(Maker made_by) noexcept : maker(made_by) {}

    const Maker maker;
    std::atomic<bool> alive{true};         ///< written under LockRank::arena_set
    bool vacant = false;  ///< ended and emptied; guarded by LockRank::arena_set
    std::array<char, kNameSize> name{};  ///< guarded by LockRank::arena_set; empty: by default
    Mutex upkeep{LockRank::upkeep};      ///< held by reset, and by ticks and purges of such an arena
    Mutex huge_mutex{LockRank::huge_list};
    ExtentList huge;  ///< guarded by huge_mutex (Q1)
    // Of an arena with hooks, written under LockRank::arena_set.
    std::atomic<HookedArena*> hooked{nullptr};
    std::atomic<ChunkSource*> own_source{nullptr};  ///< its source, to be decayed with it
    std::atomic<bool> has_hooks{false};             ///< false again when the arena was destroyed
};

}  // namespace granary::core
