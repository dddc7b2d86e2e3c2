// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// heap.cpp — room 2 behind the fast path: small, large or huge; mine, another's, or nobody's.
#include "granary/core/heap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include <granary/base/bits.hpp>
#include <granary/os/clock.hpp>

#include "arena/misuse.hpp"
#include "granary/core/detail/fast_path.hpp"
#include "heap/heap_state.hpp"
#include "heap/lookup.hpp"
#include "heap/probe.hpp"
#include "heap/requests.hpp"
#include "heap/thread_events.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

/// Between two looks at the clock's consequences.
constexpr uint64_t kTickPeriod = 2'000'000;

/// Frees that hit the cache between two looks at the clock; what an exchange of magazines counts.
constexpr int32_t kTickFrees = 128;
constexpr int32_t kFreesPerExchange = 8;

}  // namespace

static void* take_small(ThreadState& state, unsigned size_class) noexcept {
    if (GRANARY_LIKELY(state.mode != ThreadState::Mode::direct))
        return state.pop(size_class);
    Arena* arena = arena_of(state);
    return arena == nullptr ? nullptr : arena->allocate_one(size_class);
}

GRANARY_NOINLINE void* allocate_small(ThreadState& state, unsigned size_class) noexcept {
    void* region = take_small(state, size_class);
    if (GRANARY_UNLIKELY(region == nullptr)) {
        reclaim(state);
        region = take_small(state, size_class);
        if (region == nullptr)
            return nullptr;
    }
    if (GRANARY_UNLIKELY(state.mode != ThreadState::Mode::cached))
        probe_allocated(state, region, kSizeClasses[size_class].size, false);
    return region;
}

/// Zeroes the pages of a large region that may hold old contents.
static void zero_touched(void* region, size_t pages, const TouchedPages& touched) noexcept {
    PageBits wanted;
    wanted.set_range(touched.first, pages);
    for_each_row(bit_and(touched.bits, wanted), [&](PageRow row) {
        std::memset(static_cast<std::byte*>(region) + ((row.first - touched.first) << kPageShift),
                    0, row.count << kPageShift);
        return true;
    });
}

/// Zeroes a huge block: by writing, or by asking the kernel for other pages if that is wanted.
static void zero_huge(const Arena& arena, void* block, size_t bytes) noexcept {
    const os::PageOps& ops = g_heap.source.ops();
    // Memory of the program's hooks may be anything: it is written.
    if (bytes < g_heap.options.purge_to_zero_from || arena.own_source() != nullptr ||
        !ops.purge_forced(ops.self, block, bytes)) {
        std::memset(block, 0, bytes);
    }
}

static bool is_huge(size_t pages, size_t alignment) noexcept {
    return pages > kLargeMaxPages || alignment > kChunkSize;
}

void* take_pages_of(Arena& arena, size_t size, size_t alignment, bool zero,
                    Growth growth) noexcept {
    const size_t pages = pages_for(size);
    const size_t alignment_pages = std::max<size_t>(alignment >> kPageShift, 1);
    if (is_huge(pages, alignment)) {
        bool zeroed = false;
        void* block = allocate_huge(arena, std::max<size_t>(size, 1), alignment, zeroed);
        if (block != nullptr && zero && !zeroed)
            zero_huge(arena, block, pages << kPageShift);  // all that is usable
        return block;
    }
    TouchedPages touched;
    void* region = arena.allocate_large(std::max<size_t>(pages, 1), alignment_pages,
                                        zero ? &touched : nullptr, growth);
    if (region != nullptr && zero)
        zero_touched(region, pages, touched);
    return region;
}

static void* take_pages(ThreadState& state, size_t size, size_t alignment, bool zero) noexcept {
    const size_t pages = pages_for(size);
    if (pages <= kLargeMaxPages && alignment <= kPageSize && state.arena != nullptr) {
        if (void* kept = state.take_large(pages)) {
            if (zero)
                std::memset(kept, 0, pages << kPageShift);
            return kept;
        }
    }
    if (is_huge(pages, alignment)) {
        if (void* kept = take_kept_huge(state, std::max<size_t>(size, 1), alignment)) {
            if (zero)
                zero_huge(*state.arena, kept, std::max<size_t>(pages, 1) << kPageShift);
            return kept;
        }
    }
    Arena* arena = arena_of(state);
    if (arena == nullptr)
        return nullptr;
    // Peaks are made here: before a huge block takes fresh memory, a few regions that wait in caches
    // may be all that keeps the arena's unused pages from being whole chunks.
    if (pages > kLargeMaxPages && state.mode == ThreadState::Mode::cached &&
        arena->pages().dirty_bytes() >= size &&
        !arena->pages().source().has_resident(chunks_for(size), alignment)) {
        state.flush();
        arena->age(true);
        arena->pages().release_empty_chunk();
    }
    if (!is_huge(pages, alignment) && arena == state.arena) {
        if (void* taken = take_pages_of(*arena, size, alignment, zero, Growth::forbidden))
            return taken;
        if (arena->is_patient())
            state.cool();
    }
    return take_pages_of(*arena, size, alignment, zero);
}

GRANARY_NOINLINE void* allocate_pages(ThreadState& state, size_t size, size_t alignment,
                                      bool zero) noexcept {
    if (!can_have_pages(size, alignment))
        return nullptr;
    const bool probing = state.mode != ThreadState::Mode::cached;
    zero = zero || (probing && g_heap.options.zero_allocated);
    void* region = take_pages(state, size, alignment, zero);
    if (region == nullptr) {
        reclaim(state);
        region = take_pages(state, size, alignment, zero);
        if (region == nullptr && pages_for(size) > kLargeMaxPages) {
            // Enough address space may lie in ranges that are too short each (and one chunk more
            // to find an aligned place for it).
            const size_t chunks = ((size + alignment) >> kChunkShift) + 2;
            if (g_heap.source.free_bytes(PageState::retained) >> kChunkShift >= chunks) {
                g_heap.source.release_address_space(chunks);
                region = take_pages(state, size, alignment, zero);
            }
        }
        if (region == nullptr)
            return nullptr;
    }
    if (probing)
        probe_allocated(state, region, base::align_up(std::max<size_t>(size, 1), kPageSize), zero);
    return region;
}

/// A huge block. @param own of the thread's arena
static GRANARY_ALWAYS_INLINE void deallocate_block(ThreadState& state, void* pointer,
                                                   uint32_t owner, size_t usable,
                                                   bool own) noexcept {
    const uintptr_t base = base::address_of(pointer);
    // Of two threads that free it at once, one gets past this.
    if (!PageMap::retire_head(base, owner, detail::kHugeHead))
        misuse::double_free(pointer, usable);
    if (!own || !keep_huge(state, base, usable))
        deallocate_huge(PageMap::extent_at(base));
}

/// Another arena's large region, or a huge block.
static GRANARY_NOINLINE void deallocate_pages(ThreadState& state, const Found& found,
                                              void* pointer, bool own) noexcept {
    const uint32_t owner = detail::owner_key(found.arena());
    if (found.code() == detail::kHugeHead)
        return deallocate_block(state, pointer, owner, found.usable, own);
    const uintptr_t base = base::address_of(pointer);
    if (!PageMap::retire_head(base, owner, detail::kLargeHead))
        misuse::double_free(pointer, found.usable);
    arena_at(found.arena())->deallocate_large(PageMap::extent_at(base));
}

void deallocate_found(ThreadState& state, const Found& found, void* pointer) noexcept {
    if (GRANARY_UNLIKELY(state.mode != ThreadState::Mode::cached))
        probe_freed(state, pointer, found.usable);
    const bool own = ((found.tag ^ state.owner_key) >> detail::kOwnerShift) == 0;
    if (!found.is_small()) {
        deallocate_pages(state, found, pointer, own);
    } else if (GRANARY_UNLIKELY(state.mode == ThreadState::Mode::direct)) {
        arena_at(found.arena())->deallocate_one(found.code(), pointer);
    } else if (own) {
        state.push(found.code(), pointer);
    } else {
        state.send(found.tag, pointer);
    }
}

unsigned aligned_class(size_t alignment, size_t size) noexcept {
    // Runs begin on pages, so a class serves every power of two that divides its size (S4).
    if (alignment > kPageSize || size > kSmallMax)
        return kSmallClassCount;
    return small_class(base::align_up(std::max<size_t>(size, 1), alignment));
}

void tick(ThreadState& state) noexcept {
    if (state.arena == nullptr)
        return;  // shared by threads without a state: not to be written to
    const uint64_t now = os::coarse_now_ns();
    if (GRANARY_LIKELY(now < state.next_tick_ns))
        return;
    state.next_tick_ns = now + kTickPeriod;
    if (GRANARY_UNLIKELY(has_thread_events()))
        static_cast<void>(counting_thread());
    state.arena->tick(now);
    state.age(now);
    // One more by turns: an owner that sleeps must not keep what others freed for it.
    Arena* other = arena_at(g_heap.next_tick.fetch_add(1, std::memory_order_relaxed) %
                            g_heap.threads.arena_count());
    if (other != state.arena)
        other->tick(now);
    g_heap.source.decay(now);
    g_heap.threads.age_idle(now);
    start_background_thread_if_wanted();
}

/// A slow step that counts as `frees` hits on the way to the next look at the clock.
static void tick_after(ThreadState& state, int32_t frees) noexcept {
    if (state.arena == nullptr || (state.countdown -= frees) >= 0)
        return;
    state.countdown = kTickFrees;
    tick(state);
}

namespace detail {

void tick_slow() noexcept { tick_after(current_thread(), kTickFrees); }

void* allocate_slow(size_t size) noexcept {
    ThreadState& state = current_thread();
    if (size <= kSmallMax) {
        tick_after(state, kFreesPerExchange);
        return allocate_small(state, small_class(size));
    }
    tick(state);
    // PERF: before the room that looks everywhere.
    if (size > kLargeMaxPages << kPageShift && size <= kMaxSize &&
        state.mode == ThreadState::Mode::cached) {
        if (void* kept = take_kept_huge(state, size, kPageSize))
            return kept;
    }
    return allocate_pages(state, size, kPageSize, false);
}

void deallocate_full(void* pointer, size_t size_class) noexcept {
    // SAFETY (F1): only a thread's own state has an owner key that a page carries.
    ThreadState& state = *static_cast<ThreadState*>(t_cache);
    tick_after(state, kFreesPerExchange);
    state.push(static_cast<unsigned>(size_class), pointer);
}

/// PERF: out of line, so that the path of most frees needs no stack.
static GRANARY_NOINLINE void post_and_tick(ThreadState& state,
                                           ThreadState::OutboxSlot& slot) noexcept {
    state.post_full(slot);
    tick_after(state, kFreesPerExchange);
}

void deallocate_remote(void* pointer, uint32_t tag, const PageEntry& entry) noexcept {
    const bool is_own_state = t_cache->owner_key != kNoOwnerKey;
    if (GRANARY_UNLIKELY(!is_own_state ||
                         !is_region_start(base::address_of(pointer),
                                          entry.detail.load(std::memory_order_relaxed),
                                          kSizeClasses[tag_code(tag)].reciprocal)))
        return deallocate_slow(pointer);
    // SAFETY (F1): it is not kEmptyCache.
    ThreadState& state = *static_cast<ThreadState*>(t_cache);
    ThreadState::OutboxSlot* const slot = state.find_slot(tag);
    if (GRANARY_UNLIKELY(slot == nullptr))
        return deallocate_slow(pointer);
    if (GRANARY_UNLIKELY(state.put(*slot, tag, pointer)))
        return post_and_tick(state, *slot);
    if (GRANARY_UNLIKELY(--state.countdown < 0))
        tick_slow();
}

void release_displaced(uintptr_t word) noexcept {
    ThreadState& state = current_thread();
    tick(state);
    state.arena->deallocate_large(PageMap::extent_at(word));
}

void deallocate_slow(void* pointer) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find_live("free", pointer);
    // PERF: a huge block of the thread's own is all that comes here often.
    if (found.tag == (t_cache->owner_key | kHugeHead)) {
        // SAFETY (F1): only a thread's own state, in the cached mode, has a key that a page carries.
        ThreadState& state = *static_cast<ThreadState*>(t_cache);
        tick_after(state, 1);
        return deallocate_block(state, pointer, state.owner_key, found.usable, true);
    }
    ThreadState& state = current_thread();
    tick_after(state, 1);
    deallocate_found(state, found, pointer);
}

}  // namespace detail

void* allocate_zeroed(size_t size) noexcept {
    if (size > kSmallMax) {
        ThreadState& state = current_thread();
        tick(state);
        return allocate_pages(state, size, kPageSize, true);
    }
    void* region = allocate(size);
    if (region != nullptr)
        std::memset(region, 0, kSizeClasses[small_class(size)].size);
    return region;
}

void* allocate_aligned(size_t alignment, size_t size) noexcept {
    const unsigned size_class = aligned_class(alignment, size);
    if (size_class < kSmallClassCount) {
        const size_t class_size = kSizeClasses[size_class].size;
        return allocate(class_size);
    }
    ThreadState& state = current_thread();
    tick(state);
    return allocate_pages(state, size, std::max(alignment, kPageSize), false);
}

namespace {

/// A large region or huge block that stays one: in place, or moved by its page tables.
GRANARY_NOINLINE void* resize_pages(const Found& found, void* pointer, size_t size) noexcept {
    ThreadState& state = current_thread();
    tick(state);
    const size_t pages = pages_for(size);
    Extent* const extent = PageMap::extent_at(base::address_of(pointer));
    void* resized = nullptr;
    if (found.code() == detail::kHugeHead) {
        if (pages > kLargeMaxPages)
            resized = resize_huge(extent, size);
    } else if (pages <= kLargeMaxPages && arena_at(found.arena())->resize_large(extent, pages)) {
        resized = pointer;
    }
    if (resized != nullptr && state.mode != ThreadState::Mode::cached)
        probe_resized(state, resized, found.usable, pages << kPageShift);
    return resized;
}

}  // namespace

void* reallocate(void* pointer, size_t size) noexcept {
    const Found found = find_live("realloc", pointer);
    if (found.is_small()) {
        if (size <= kSmallMax && small_class(size) == found.code())
            return pointer;
        if (size > kMaxSize)
            return nullptr;
    } else if (size > kSmallMax) {
        if (size > kMaxSize)
            return nullptr;
        if (void* resized = resize_pages(found, pointer, size))
            return resized;
    }
    void* moved = allocate(size);
    if (moved == nullptr)
        return nullptr;
    std::memcpy(moved, pointer, std::min(found.usable, size));
    deallocate(pointer);
    return moved;
}

namespace {
/// Aborts unless the region is one that a request of `size` bytes may have got.
void check_size(void* pointer, const Found& found, bool fits, size_t size) noexcept {
    if (GRANARY_UNLIKELY(!fits))
        misuse::wrong_size(pointer, size, found.usable);
}
}  // namespace

void deallocate_sized(void* pointer, size_t size) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find_live("sized free", pointer);
    check_size(pointer, found,
               found.is_small() ? size <= kSmallMax && small_class(size) == found.code()
                                : size > kSmallMax && base::align_up(size, kPageSize) == found.usable,
               size);
    deallocate(pointer);
}

void deallocate_sized_aligned(void* pointer, size_t alignment, size_t size) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find_live("sized free", pointer);
    check_size(pointer, found,
               found.is_small()
                   ? aligned_class(alignment, size) == found.code()
                   : base::align_up(std::max<size_t>(size, 1), kPageSize) == found.usable,
               size);
    deallocate(pointer);
}

size_t usable_size(const void* pointer) noexcept {
    return pointer == nullptr ? 0 : find_live("malloc_usable_size", pointer).usable;
}

size_t good_size(size_t size) noexcept {
    if (size <= kSmallMax)
        return kSizeClasses[small_class(size)].size;
    return size > kMaxSize - kPageSize ? 0 : base::align_up(size, kPageSize);
}

}  // namespace granary::core
