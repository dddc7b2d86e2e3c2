// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_hooks.hpp — functions of the program's that an arena gets its memory from.
//
// Role        The C ABI's table: members and their order are jemalloc's extent_hooks_t. All but
//             alloc may be null, which refuses. The table must live as long as the arena.
//             The functions that return bool say true for "refused, nothing changed".
// Threading   Called by whichever thread needs memory or purges, never with a lock of granary's
//             that malloc needs: they may allocate, and are then served by an automatic arena.
#pragma once

#include <cstddef>
#include <cstdint>

namespace granary::core {

/// What `alloc` may say in the low bits of the address that it returns.
inline constexpr uintptr_t kAllocFlagMask = 0xff;
/// The memory cannot be given back in parts: none of the other hooks is asked to purge, decommit or
/// take back what this arena has, until the arena is destroyed.
inline constexpr uintptr_t kAllocFlagPinned = 0x1;

struct ExtentHooks {
    void* (*alloc)(ExtentHooks* hooks, void* new_address, size_t size, size_t alignment,
                   bool* zero, bool* commit, unsigned arena);
    bool (*dalloc)(ExtentHooks* hooks, void* address, size_t size, bool committed,
                   unsigned arena);
    void (*destroy)(ExtentHooks* hooks, void* address, size_t size, bool committed,
                    unsigned arena);
    bool (*commit)(ExtentHooks* hooks, void* address, size_t size, size_t offset, size_t length,
                   unsigned arena);
    bool (*decommit)(ExtentHooks* hooks, void* address, size_t size, size_t offset, size_t length,
                     unsigned arena);
    bool (*purge_lazy)(ExtentHooks* hooks, void* address, size_t size, size_t offset,
                       size_t length, unsigned arena);
    bool (*purge_forced)(ExtentHooks* hooks, void* address, size_t size, size_t offset,
                         size_t length, unsigned arena);
    bool (*split)(ExtentHooks* hooks, void* address, size_t size, size_t size_a, size_t size_b,
                  bool committed, unsigned arena);
    bool (*merge)(ExtentHooks* hooks, void* address_a, size_t size_a, void* address_b,
                  size_t size_b, bool committed, unsigned arena);
};

}  // namespace granary::core
