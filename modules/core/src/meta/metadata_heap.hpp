// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// metadata_heap.hpp — bump memory for descriptors; never returned, never in user memory.
//
// Owns        Blocks mapped from the OS, doubling from 64 KiB to 2 MiB.
// Invariants  H1  every byte handed out is zero and handed out once.
// Locking     mutex_, LockRank::metadata_heap; a leaf but for the mapping system call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <granary/os/pages.hpp>

#include "granary/core/options.hpp"
#include "sync/mutex.hpp"

namespace granary::core {

class MetadataHeap {
public:
    constexpr MetadataHeap() noexcept = default;

    /// Once, before anything else.
    void bind(const os::PageOps& ops) noexcept { ops_ = &ops; }
    /// Before the first allocation: whether huge pages are asked for.
    void set_huge_pages(HugePages huge_pages) noexcept { huge_pages_ = huge_pages; }

    /// @param alignment a power of two, at most a page.
    /// @return zeroed memory, or nullptr if the OS gives none.
    [[nodiscard]] void* allocate(size_t size, size_t alignment) noexcept;

    /// A mapping of its own, page-aligned and zero (page-map leaves).
    [[nodiscard]] void* map(size_t size) noexcept;

    template <class T>
    [[nodiscard]] T* make() noexcept {
        return static_cast<T*>(allocate(sizeof(T), alignof(T)));
    }

    /// True if the OS has refused memory since the last question.
    [[nodiscard]] bool take_refusal() noexcept {
        return refused_.exchange(false, std::memory_order_relaxed);
    }

    /// Bytes of the objects handed out; neither the rest of a block nor mappings, whose untouched
    /// pages cost nothing.
    [[nodiscard]] size_t bytes_taken() noexcept;

    Mutex& mutex() noexcept { return mutex_; }

private:
    Mutex mutex_{LockRank::metadata_heap};
    std::atomic<bool> refused_{false};
    void hint(void* block, size_t size) noexcept;

    const os::PageOps* ops_ = nullptr;  // const after init
    HugePages huge_pages_ = HugePages::as_is;  // const after init
    uintptr_t cursor_ = 0;              // guarded by mutex_
    uintptr_t end_ = 0;                 // guarded by mutex_
    size_t next_block_ = 64 * 1024;     // guarded by mutex_
    size_t used_ = 0;                   // guarded by mutex_
};

}  // namespace granary::core
