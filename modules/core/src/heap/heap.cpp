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
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

using detail::PageKind;

/// Between two looks at the clock's consequences.
constexpr uint64_t kTickPeriod = 2'000'000;

/// Frees that hit the cache between two looks at the clock.
constexpr int32_t kTickFrees = 128;

/// What a pointer turned out to be.
struct Found {
    uint32_t entry = 0;
    Extent* extent = nullptr;  ///< large and huge
    unsigned size_class = 0;   ///< small
    size_t usable = 0;

    [[nodiscard]] bool is_small() const noexcept { return extent == nullptr; }
};

/// First page of the large region that a page with a head or interior entry belongs to.
uintptr_t head_of(uintptr_t address) noexcept {
    address = base::align_down(address, kPageSize);
    while (detail::entry_kind(detail::page_entry(address)) == PageKind::interior)
        address -= kPageSize;
    return address;
}

/// Says what is wrong with a pointer that is not the start of a live region.
[[noreturn]] GRANARY_COLD void report(std::string_view call, const void* pointer) noexcept {
    uintptr_t address = base::address_of(pointer);
    if (!detail::is_mappable(address))
        misuse::foreign(call, pointer);
    const uint32_t entry = detail::page_entry(address);
    const unsigned size_class = entry & detail::kEntryClassMask;
    if (entry != 0) {
        switch (detail::entry_kind(entry)) {
            case PageKind::run:
                misuse::interior(call, pointer, kSizeClasses[size_class].size);
            case PageKind::freed:
                if (size_class < kSmallClassCount)
                    misuse::use_after_free(call, pointer, kSizeClasses[size_class].size);
                misuse::use_after_free(call, pointer,
                                       PageMap::freed_bytes(base::align_down(address, kPageSize)));
            case PageKind::head:
            case PageKind::interior:
                address = head_of(address);
                if (const Extent* extent = PageMap::extent_at(address))
                    misuse::interior(call, pointer, extent->bytes);
                misuse::use_after_free(call, pointer, PageMap::freed_bytes(address));
        }
    }
    const ChunkWord word = PageMap::chunk_word(address);
    if (word.use == ChunkUse::huge)
        misuse::interior(call, pointer, PageMap::chunk_extent(address)->bytes);
    misuse::foreign(call, pointer);
}

/// Identifies a live region's start, or aborts in the name of `call`.
Found find(std::string_view call, const void* pointer) noexcept {
    const uintptr_t address = base::address_of(pointer);
    if (!detail::is_mappable(address))
        report(call, pointer);
    Found found;
    found.entry = detail::page_entry(address);
    if (found.entry == 0)
        report(call, pointer);
    const PageKind kind = detail::entry_kind(found.entry);
    if (GRANARY_LIKELY(kind == PageKind::run)) {
        found.size_class = found.entry & detail::kEntryClassMask;
        const SizeClass& cls = kSizeClasses[found.size_class];
        const uint32_t offset = (found.entry & detail::kEntryPageMask) |
                                static_cast<uint32_t>(address & (kPageSize - 1));
        if (!is_region_start(offset, cls.reciprocal))
            report(call, pointer);
        found.usable = cls.size;
        return found;
    }
    if (kind != PageKind::head || !base::is_aligned(address, kPageSize))
        report(call, pointer);
    found.extent = PageMap::extent_at(address);
    if (found.extent == nullptr)
        report(call, pointer);  // freed by another thread this moment
    found.usable = found.extent->bytes;
    return found;
}

void count_allocated(ThreadState& state, size_t bytes) noexcept {
    // Single writer: a load and a store, so that other threads may read.
    state.allocated.store(state.allocated.load(std::memory_order_relaxed) + bytes,
                          std::memory_order_relaxed);
}

void count_deallocated(ThreadState& state, size_t bytes) noexcept {
    state.deallocated.store(state.deallocated.load(std::memory_order_relaxed) + bytes,
                            std::memory_order_relaxed);
}

void* take_small(ThreadState& state, unsigned size_class) noexcept {
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
    if (GRANARY_UNLIKELY(state.mode == ThreadState::Mode::counting))
        count_allocated(state, kSizeClasses[size_class].size);
    return region;
}

/// Zeroes the pages of a large region that may hold old contents.
void zero_touched(void* region, size_t pages, const TouchedPages& touched) noexcept {
    PageBits wanted;
    wanted.set_range(touched.first, pages);
    for_each_row(bit_and(touched.bits, wanted), [&](PageRow row) {
        std::memset(static_cast<std::byte*>(region) + ((row.first - touched.first) << kPageShift),
                    0, row.count << kPageShift);
        return true;
    });
}

void* take_pages(ThreadState& state, size_t size, size_t alignment, bool zero) noexcept {
    const size_t pages = pages_for(size);
    const size_t alignment_pages = std::max<size_t>(alignment >> kPageShift, 1);
    if (pages > kLargeMaxPages || alignment_pages > kChunkPages) {
        bool zeroed = false;
        void* block = allocate_huge(state, std::max<size_t>(size, 1), alignment, zeroed);
        if (block != nullptr && zero && !zeroed)
            std::memset(block, 0, pages << kPageShift);  // all that is usable
        return block;
    }
    Arena* arena = arena_of(state);
    if (arena == nullptr)
        return nullptr;
    TouchedPages touched;
    void* region = arena->allocate_large(std::max<size_t>(pages, 1), alignment_pages,
                                         zero ? &touched : nullptr);
    if (region != nullptr && zero)
        zero_touched(region, pages, touched);
    return region;
}

/// Large and huge. @param alignment bytes, a power of two.
GRANARY_NOINLINE void* allocate_pages(ThreadState& state, size_t size, size_t alignment,
                                      bool zero) noexcept {
    size_t bytes = 0;
    if (size > kMaxSize || alignment > kMaxSize / 2 ||
        base::add_overflows(size, alignment + kChunkSize, bytes))
        return nullptr;
    void* region = take_pages(state, size, alignment, zero);
    if (region == nullptr) {
        reclaim(state);
        region = take_pages(state, size, alignment, zero);
        if (region == nullptr)
            return nullptr;
    }
    if (state.mode == ThreadState::Mode::counting)
        count_allocated(state, base::align_up(std::max<size_t>(size, 1), kPageSize));
    return region;
}

void deallocate_found(ThreadState& state, const Found& found, void* pointer) noexcept {
    if (GRANARY_UNLIKELY(state.mode == ThreadState::Mode::counting))
        count_deallocated(state, found.usable);
    if (found.is_small()) {
        const uint32_t owner = detail::entry_arena(found.entry);
        if (GRANARY_UNLIKELY(state.mode == ThreadState::Mode::direct)) {
            arena_at(owner)->deallocate_one(found.size_class, pointer);
        } else if (((found.entry ^ state.owner_key) >> detail::kEntryOwnerShift) == 0) {
            state.push(found.size_class, pointer);
        } else {
            state.send(owner, found.size_class, pointer);
        }
    } else if (found.extent->kind == ExtentKind::huge) {
        deallocate_huge(found.extent);
    } else {
        arena_at(found.extent->arena)->deallocate_large(found.extent);
    }
}

/// The small class that serves an aligned request; kSmallClassCount if none does.
unsigned aligned_class(size_t alignment, size_t size) noexcept {
    if (alignment > kPageSize || size > kSmallMax)
        return kSmallClassCount;
    // Runs begin on pages, so a class serves every power of two that divides its size.
    unsigned c = small_class(std::max(size, alignment));
    while (c < kSmallClassCount && (kSizeClasses[c].size & (alignment - 1)) != 0) ++c;
    return c;
}

}  // namespace

void tick(ThreadState& state) noexcept {
    if (state.arena == nullptr)
        return;  // shared by threads without a state: not to be written to
    const uint64_t now = os::coarse_now_ns();
    if (GRANARY_LIKELY(now < state.next_tick_ns))
        return;
    state.next_tick_ns = now + kTickPeriod;
    state.arena->tick(now);
    // One more by turns: an owner that sleeps must not keep what others freed for it.
    Arena* other = arena_at(g_heap.next_tick.fetch_add(1, std::memory_order_relaxed) %
                            g_heap.threads.arena_count());
    if (other != state.arena)
        other->tick(now);
    g_heap.source.decay(now);
    g_heap.threads.age_idle(now);
    start_background_thread_if_wanted();
}

namespace detail {

void tick_slow() noexcept {
    ThreadState& state = current_thread();
    state.countdown = kTickFrees;
    tick(state);
}

void* allocate_slow(size_t size) noexcept {
    ThreadState& state = current_thread();
    if (size <= kSmallMax) {
        const unsigned size_class = small_class(size);
        // Medium sizes always come here; they tick only when their magazine is empty.
        if (state.mode != ThreadState::Mode::cached ||
            state.bins[size_class].top.load(std::memory_order_relaxed) ==
                state.bins[size_class].base.load(std::memory_order_relaxed)) {
            if (state.mode != ThreadState::Mode::counting)
                tick(state);
        }
        return allocate_small(state, size_class);
    }
    tick(state);
    return allocate_pages(state, size, kPageSize, false);
}

void deallocate_slow(void* pointer) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find("free", pointer);
    ThreadState& state = current_thread();
    // Small own ones come here once per magazine; those of other arenas always.
    const bool remote =
        found.is_small() && ((found.entry ^ state.owner_key) >> kEntryOwnerShift) != 0;
    if (!remote || (state.arena != nullptr && (++state.sends & 63) == 0))
        tick(state);
    deallocate_found(state, found, pointer);
}

}  // namespace detail

void* allocate_zeroed(size_t size) noexcept {
    if (size > kSmallMax) {
        ThreadState& state = current_thread();
        tick(state);
        return allocate_pages(state, size, kPageSize, true);
    }
    void* region = size <= kLowMax ? allocate(size) : detail::allocate_slow(size);
    if (region != nullptr)
        std::memset(region, 0, kSizeClasses[small_class(size)].size);
    return region;
}

void* allocate_aligned(size_t alignment, size_t size) noexcept {
    const unsigned size_class = aligned_class(alignment, size);
    if (size_class < kSmallClassCount) {
        const size_t class_size = kSizeClasses[size_class].size;
        return class_size <= kLowMax ? allocate(class_size) : detail::allocate_slow(class_size);
    }
    ThreadState& state = current_thread();
    tick(state);
    return allocate_pages(state, size, std::max(alignment, kPageSize), false);
}

void* reallocate(void* pointer, size_t size) noexcept {
    const Found found = find("realloc", pointer);
    if (size > kMaxSize)
        return nullptr;
    if (found.is_small()) {
        if (size <= kSmallMax && small_class(size) == found.size_class)
            return pointer;
    } else if (size > kSmallMax) {
        ThreadState& state = current_thread();
        tick(state);
        const size_t pages = pages_for(size);
        void* resized = nullptr;
        if (found.extent->kind == ExtentKind::huge) {
            if (pages > kLargeMaxPages)
                resized = resize_huge(found.extent, size);
        } else if (pages <= kLargeMaxPages &&
                   arena_at(found.extent->arena)->resize_large(found.extent, pages)) {
            resized = pointer;
        }
        if (resized != nullptr) {
            if (state.mode == ThreadState::Mode::counting) {
                count_deallocated(state, found.usable);
                count_allocated(state, pages << kPageShift);
            }
            return resized;
        }
    }
    void* moved = size <= kLowMax ? allocate(size) : detail::allocate_slow(size);
    if (moved == nullptr)
        return nullptr;
    std::memcpy(moved, pointer, std::min(found.usable, size));
    deallocate(pointer);
    return moved;
}

void deallocate_sized(void* pointer, size_t size) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find("sized free", pointer);
    const bool fits = found.is_small()
                          ? size <= kSmallMax && small_class(size) == found.size_class
                          : size > kSmallMax && base::align_up(size, kPageSize) == found.usable;
    if (GRANARY_UNLIKELY(!fits))
        misuse::wrong_size(pointer, size, found.usable);
    deallocate(pointer);
}

void deallocate_sized_aligned(void* pointer, size_t alignment, size_t size) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find("sized free", pointer);
    const bool fits = found.is_small()
                          ? aligned_class(alignment, size) == found.size_class
                          : base::align_up(std::max<size_t>(size, 1), kPageSize) == found.usable;
    if (GRANARY_UNLIKELY(!fits))
        misuse::wrong_size(pointer, size, found.usable);
    deallocate(pointer);
}

size_t usable_size(const void* pointer) noexcept {
    return pointer == nullptr ? 0 : find("malloc_usable_size", pointer).usable;
}

bool owns(const void* pointer) noexcept {
    const uintptr_t address = base::address_of(pointer);
    if (!detail::is_mappable(address))
        return false;
    const uint32_t entry = detail::page_entry(address);
    if (entry != 0) {
        const PageKind kind = detail::entry_kind(entry);
        // A freed region may be cached with its interior entries written.
        if (kind == PageKind::interior)
            return detail::entry_kind(detail::page_entry(head_of(address))) == PageKind::head;
        // A freed mark may lie where a huge block's page is now.
        if (kind != PageKind::freed)
            return true;
    }
    const ChunkWord word = PageMap::chunk_word(address);
    return word.use == ChunkUse::huge &&
           (address & (kChunkSize - 1)) >> kPageShift < word.usable_pages;
}

size_t good_size(size_t size) noexcept {
    if (size <= kSmallMax)
        return kSizeClasses[small_class(size)].size;
    return size > kMaxSize - kPageSize ? 0 : base::align_up(size, kPageSize);
}

}  // namespace granary::core
