// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// heap_state.hpp — the one global, and the helpers that every file of this layer uses.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cache/cache_set.hpp"
#include "cache/thread_set.hpp"
#include "granary/core/options.hpp"

namespace granary::core {

struct Heap {
    MetadataHeap metadata;
    PageMap page_map;
    ChunkSource source;
    MagazinePool magazines;
    ThreadSet threads;
    CacheSet caches;
    Mutex boot{LockRank::boot};
    std::atomic<bool> ready{false};
    HeapOptions options;  // const after init
    std::atomic<uint32_t> next_tick{
        0};  ///< whose turn it is to be decayed by another arena's thread
    std::atomic<int64_t> dirty_decay_ms{0};
    std::atomic<int64_t> muzzy_decay_ms{0};
};

extern constinit Heap g_heap;

using detail::kLargeMaxPages;

/// The calling thread's state, attached if need be. In the direct mode it may be shared by
/// threads and has no arena. Never nullptr.
[[nodiscard]] ThreadState& current_thread() noexcept;
/// The same, without attaching: nullptr if the thread has none of its own.
[[nodiscard]] ThreadState* attached_thread() noexcept;
/// In counting mode, after an allocation.
inline void raise_peak(ThreadState& state) noexcept {
    const auto net = static_cast<int64_t>(state.allocated.load(std::memory_order_relaxed) -
                                          state.deallocated.load(std::memory_order_relaxed));
    if (net > state.peak)
        state.peak = net;
}
/// The calling thread's state, from now on never in the cached mode; nullptr if it cannot be attached.
[[nodiscard]] ThreadState* counting_thread() noexcept;
/// Regions above `bytes` go to and from the arena one by one from now on.
void limit_thread_cache(ThreadState& state, size_t bytes) noexcept;
/// Until restore_thread(), the calling thread's calls are served by the first arena's locked paths,
/// whatever state its own cache is in (H1 of extent_hooks.cpp). False if they are already.
[[nodiscard]] bool divert_thread(ThreadState*& saved) noexcept;
void restore_thread(ThreadState* saved) noexcept;
/// True between the two.
[[nodiscard]] bool is_diverted(const ThreadState& state) noexcept;
/// Points the thread's fast path where its mode wants it.
void aim_fast_path(ThreadState& state) noexcept;

/// Time-driven work of the calling thread, at the start of a slow-path operation (so that what
/// the operation frees is never purged by it, D3 of decay.hpp).
void tick(ThreadState& state) noexcept;

/// Out of memory: gives back and takes back everything that is unused.
void reclaim(ThreadState& state) noexcept;

/// Huge blocks. @param zeroed receives whether every byte reads zero.
[[nodiscard]] void* allocate_huge(Arena& arena, size_t size, size_t alignment,
                                  bool& zeroed) noexcept;
/// @param extent whose head the caller has retired
void deallocate_huge(Extent* extent) noexcept;
/// The thread keeps a block of its own arena whose head the caller has retired. False: it does not.
[[nodiscard]] bool keep_huge(ThreadState& state, uintptr_t base, size_t bytes) noexcept;
/// A block that the thread keeps, live again; nullptr if none is exactly as long as `size` takes.
[[nodiscard]] void* take_kept_huge(ThreadState& state, size_t size, size_t alignment) noexcept;
/// In place or by moving pages; nullptr if neither was possible.
[[nodiscard]] void* resize_huge(Extent* extent, size_t size) noexcept;
[[nodiscard]] bool resize_huge_in_place(Extent* extent, size_t size) noexcept;

/// Arena for a caller in direct mode; nullptr if there is none.
[[nodiscard]] Arena* arena_of(ThreadState& state) noexcept;

/// maintain() for one of several that share the work: arenas whose index is `share` modulo `shares`;
/// the first one also does what is not an arena's.
int64_t maintain_share(uint32_t share, uint32_t shares) noexcept;

/// Starts the purging thread if it is wanted and not running. Called with no lock held.
void start_background_thread_if_wanted() noexcept;
void forget_background_thread() noexcept;  // in a forked child
Mutex& background_mutex() noexcept;

}  // namespace granary::core
