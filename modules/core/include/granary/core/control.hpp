// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// control.hpp — what ctl may ask of a running heap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "granary/core/extent_hooks.hpp"

namespace granary::core {

/// Arenas made so far, automatic ones; indices are 0 .. arena_count()-1.
[[nodiscard]] unsigned arena_count() noexcept;

/// Most automatic arenas (opt.narenas).
[[nodiscard]] unsigned arena_limit() noexcept;

/// Gives back every unused page of one arena. False if there is no such arena.
bool purge_arena(unsigned index) noexcept;

/// Gives back every unused page of the process: own thread's cache, parked magazines of all
/// arenas, dirty and muzzy pages, free huge blocks. Returns the bytes given back.
size_t purge_all() noexcept;

/// Purges one arena as far as its decay curve asks now. False if there is no such arena.
bool decay_arena(unsigned index) noexcept;

/// Empties the calling thread's cache into its arena's runs. False if it has none.
bool flush_thread_cache() noexcept;

/// Addresses of the calling thread's counters of bytes ever allocated / deallocated (usable
/// bytes). Stable for the thread's life, readable from other threads, exact from the first
/// call on; that call switches this thread's fast path to the counting one.
/// @return nullptr if the thread cannot be attached.
[[nodiscard]] uint64_t* thread_allocated_counter() noexcept;
[[nodiscard]] uint64_t* thread_deallocated_counter() noexcept;

/// The most that the calling thread had allocated beyond what it deallocated, since the last reset
/// (at first, since its counters were asked for). False if the thread cannot be attached.
bool thread_peak(uint64_t& bytes) noexcept;
bool reset_thread_peak() noexcept;

/// The calling thread's cache as a whole. Without it every call takes the arena's locked paths.
[[nodiscard]] bool thread_cache_enabled() noexcept;
/// False if the thread cannot be attached.
bool set_thread_cache_enabled(bool enabled) noexcept;

/// The largest size that the calling thread caches, bytes; rounded up to a class.
[[nodiscard]] size_t thread_cache_max() noexcept;
bool set_thread_cache_max(size_t bytes) noexcept;
/// Regions of a class that the calling thread may hold at once: its magazine's, or none.
[[nodiscard]] size_t thread_class_slots(unsigned size_class) noexcept;
/// Switches the caching of the classes first .. last on or off, and empties the cache.
bool set_thread_classes_cached(unsigned first, unsigned last, bool cached) noexcept;

/// Empties the calling thread's cache; where there are more arenas than twice the CPUs, also gives
/// back the unused pages of its arena. For a thread that is about to wait for long.
bool idle_thread() noexcept;

/// Called with the line that says what is wrong, before the process aborts; locks may be held, so
/// it must not allocate or free. nullptr for none.
using MisuseHook = void (*)(const char* line);
void set_misuse_hook(MisuseHook hook) noexcept;

/// The arena's live counter of pages in runs and large regions, written by others at any time.
/// @return nullptr if there is no such arena; else good for the life of the process.
[[nodiscard]] const size_t* arena_active_pages(unsigned index) noexcept;

/// Memory for the embedder's own tables: zero, never returned, counted as metadata.
/// @param alignment a power of two, at most a page. @return nullptr: out of memory.
[[nodiscard]] void* allocate_metadata(size_t size, size_t alignment) noexcept;

/// Decay times, ms; see HeapOptions. Setting one applies to every arena at once, also to those
/// made later, but not to one with a time of its own.
[[nodiscard]] int64_t dirty_decay_ms() noexcept;
[[nodiscard]] int64_t muzzy_decay_ms() noexcept;
void set_dirty_decay_ms(int64_t ms) noexcept;
void set_muzzy_decay_ms(int64_t ms) noexcept;

/// What arenas made later start with; existing ones keep theirs.
void set_default_dirty_decay_ms(int64_t ms) noexcept;
void set_default_muzzy_decay_ms(int64_t ms) noexcept;

/// Purges by the decay curves of all arenas and drains idle arenas.
/// @return milliseconds until there may be more to do; INT64_MAX for nothing pending.
int64_t maintain() noexcept;

/// Starts or stops the purging thread. False if it could not be started.
bool set_background_thread(bool enabled) noexcept;
[[nodiscard]] bool background_thread_enabled() noexcept;

// ---- Arenas by index -------------------------------------------------------------------------
// Automatic arenas are made for threads as they come, the others by create_arena(). Functions that
// take an index say no (false, 0, kNoIndex, nullptr) for one that names no arena.

inline constexpr unsigned kNoIndex = ~0U;
/// Room for an arena's name, with its end.
inline constexpr size_t kArenaNameSize = 32;

/// An arena of the program's own; kNoIndex: out of memory or of indices.
/// @param hooks where its memory comes from; nullptr: from where everybody's does.
[[nodiscard]] unsigned create_arena(ExtentHooks* hooks = nullptr) noexcept;

/// Frees everything that came from an arena of the program's, whoever has it. Nobody may use or
/// free any of it any more; threads that are attached to it, or that freed some of it, have flushed
/// their caches before. False if it is not such an arena.
bool reset_arena(unsigned index) noexcept;
/// The same, and the arena is no more. False also while threads are attached. Its index is used
/// again when nothing can carry it any more.
bool destroy_arena(unsigned index) noexcept;

/// An arena's hooks, the default ones if none were set; nullptr if there is no such arena.
[[nodiscard]] ExtentHooks* extent_hooks_of(unsigned index) noexcept;
/// Exchanges them; memory the arena has already is the new ones' from now on.
/// @return the old ones; nullptr: no such arena, no `alloc` in them, or out of memory.
ExtentHooks* set_extent_hooks(unsigned index, ExtentHooks* hooks) noexcept;
[[nodiscard]] bool arena_exists(unsigned index) noexcept;
/// True for an arena that create_arena() made.
[[nodiscard]] bool is_explicit_arena(unsigned index) noexcept;
/// Threads attached to it.
[[nodiscard]] unsigned arena_threads(unsigned index) noexcept;

/// Writes the name, `auto_<n>` or `manual_<n>` if none was set, and its end.
bool arena_name(unsigned index, char (&out)[kArenaNameSize]) noexcept;
/// Keeps the first kArenaNameSize - 1 characters.
bool set_arena_name(unsigned index, const char* name) noexcept;

/// One arena's decay times; -2 if there is no such arena. Setting one gives the arena a time of its
/// own, which set_dirty_decay_ms() and set_muzzy_decay_ms() then leave alone.
[[nodiscard]] int64_t arena_dirty_decay_ms(unsigned index) noexcept;
[[nodiscard]] int64_t arena_muzzy_decay_ms(unsigned index) noexcept;
bool set_arena_dirty_decay_ms(unsigned index, int64_t ms) noexcept;
bool set_arena_muzzy_decay_ms(unsigned index, int64_t ms) noexcept;

/// The arena that serves the calling thread; kNoIndex if it cannot be attached.
[[nodiscard]] unsigned thread_arena() noexcept;
/// From now on the calling thread is served by that arena, and its cache holds that arena's regions.
bool bind_thread(unsigned index) noexcept;

/// The arena that a live region, run or block came from; kNoIndex for what granary does not own.
[[nodiscard]] unsigned arena_of_pointer(const void* pointer) noexcept;

// ---- Explicit thread caches ------------------------------------------------------------------

/// A thread cache for calls that name it (extended.hpp); kNoIndex: out of memory or of numbers.
/// Numbers of destroyed ones are used again.
[[nodiscard]] unsigned create_tcache() noexcept;
/// Returns everything in it to the arenas. False if there is no such cache.
bool flush_tcache(unsigned number) noexcept;
bool destroy_tcache(unsigned number) noexcept;

/// Walks every structure of the heap and aborts at the first broken invariant.
/// Takes all locks; other threads may run. O(heap).
void check_invariants() noexcept;

}  // namespace granary::core
