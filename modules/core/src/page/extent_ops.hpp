// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extent_ops.hpp — memory from somebody else, extent by extent, as a table of functions.
//
// Role        What HookedPages asks instead of the kernel; heap/extent_hooks.cpp fills it with
//             the program's hooks.
// Invariants  I1  an extent is what alloc() returned, or what split() and merge() made of it;
//                 every other call names one whole extent, or a part of one by offset and length.
//             I2  true means done; false that the call was refused and nothing changed.
// Locking     Called without any lock of the page layer.
// Source      jemalloc's extent hooks, their arguments and their meaning.
#pragma once

#include <cstddef>
#include <cstdint>

namespace granary::core {

struct ExtentOps {
    void* self;

    /// @param alignment a power of two; @param zeroed receives whether every byte reads zero;
    /// @param committed receives whether the pages may be touched.
    /// @return the address, and in its low bits flags of extent_hooks.hpp; nullptr: no memory.
    void* (*alloc)(void* self, size_t size, size_t alignment, bool* zeroed,
                   bool* committed) noexcept;
    bool (*dalloc)(void* self, void* address, size_t size, bool committed) noexcept;
    /// The end of an extent that dalloc() refused, when its arena ends.
    void (*destroy)(void* self, void* address, size_t size, bool committed) noexcept;
    bool (*commit)(void* self, void* address, size_t size) noexcept;    ///< the whole extent
    bool (*decommit)(void* self, void* address, size_t size) noexcept;  ///< the whole extent
    bool (*purge_lazy)(void* self, void* address, size_t size, size_t offset,
                       size_t length) noexcept;
    /// Afterwards the pages read zero.
    bool (*purge_forced)(void* self, void* address, size_t size, size_t offset,
                         size_t length) noexcept;
    bool (*split)(void* self, void* address, size_t size, size_t first_size,
                  bool committed) noexcept;
    bool (*merge)(void* self, void* address, size_t size, void* next, size_t next_size,
                  bool committed) noexcept;
};

}  // namespace granary::core
