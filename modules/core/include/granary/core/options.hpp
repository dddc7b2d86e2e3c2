// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// options.hpp — everything that may be chosen before the heap starts.
//
// Role        Values only: text is read by ctl, the environment by capi.
#pragma once

#include <cstddef>
#include <cstdint>

namespace granary::core {

/// Whether the kernel is asked for transparent huge pages.
enum class HugePages : uint8_t {
    adaptive,  ///< where memory is sure to be written
    as_is,   ///< whatever the system does by itself
    always,  ///< asked for in all of it
    never,   ///< forbidden in all of it
    later,   ///< metadata only: asked for once there is more than a small program's
};

/// What realloc(p, 0) does.
enum class ZeroRealloc : uint8_t { free, allocate, abort };

/// Start-up choices of the heap; the defaults are what a program gets that says nothing.
struct HeapOptions {
    /// Age in ms over which unused dirty pages are given back; 0 at once, -1 never.
    int64_t dirty_decay_ms = 10'000;
    /// The same for muzzy pages (given back lazily with MADV_FREE); 0 skips that state.
    int64_t muzzy_decay_ms = 0;
    /// Most automatic arenas; 0 derives it from the usable CPUs.
    uint32_t arena_limit = 0;
    /// Arenas per usable CPU, in 1/65536, where the limit is derived.
    uint32_t arenas_per_cpu_16 = 4 << 16;
    /// Largest size, bytes, that threads cache.
    size_t thread_cache_max = 32 * 1024;
    /// Huge blocks of so many bytes or more are given back when they are freed; 0 never.
    size_t purge_freed_from = 0;
    /// Huge blocks of so many bytes or more are zeroed by the kernel where they must be.
    size_t purge_to_zero_from = SIZE_MAX;
    /// A report hook is called after every so many allocated bytes; -1 never.
    int64_t report_interval = -1;
    /// Tries before a lock sleeps; -1 never sleeps.
    int64_t lock_spins = 100;
    /// Most purging threads.
    uint32_t background_threads = 4;
    HugePages huge_pages = HugePages::adaptive;
    HugePages metadata_huge_pages = HugePages::as_is;
    ZeroRealloc zero_realloc = ZeroRealloc::free;
    /// Fill patterns; zeros win over junk.
    bool junk_allocated = false;
    bool junk_freed = false;
    bool zero_allocated = false;
    /// False sends every call to the arenas' locked paths.
    bool thread_cache = true;
    /// True starts a purging thread once there is something to purge.
    bool background_thread = false;
    /// False gives address space back together with its pages.
    bool retain = true;
    /// True takes it for granted that purged pages read zero.
    bool trust_purges = false;
    /// What is only worth a line ends the program.
    bool abort_on_warning = false;
    /// Lets the embedder refuse to start (`abort_conf` after a bad option).
    bool valid = true;

    friend bool operator==(const HeapOptions&, const HeapOptions&) noexcept = default;
};

}  // namespace granary::core
