// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extended.cpp — calls with flags; see granary/core/extended.hpp.
//
// Invariants  J1  the usable size of what allocate_with() and reallocate_with() return is
//                 size_with(), so that a sized free by the same numbers always fits.
#include "granary/core/extended.hpp"

#include <algorithm>
#include <cstring>

#include <granary/base/bits.hpp>

#include "arena/misuse.hpp"
#include "granary/core/detail/fast_path.hpp"
#include "heap/explicit_arenas.hpp"
#include "heap/heap_state.hpp"
#include "heap/probe.hpp"
#include "heap/requests.hpp"
#include "meta/page_map.hpp"

namespace granary::core {

namespace {

/// Where a request that bypasses the thread's own cache is served from.
struct Source {
    Arena* arena;
    ExplicitCache* cache;  ///< nullptr: none
};

Source source_of(ThreadState& state, const Request& request) noexcept {
    return {request.arena == kNoIndex ? arena_of(state) : live_arena(request.arena),
            request.cache < CacheSet::kMost ? g_heap.caches.find(request.cache) : nullptr};
}

void* take_region(const Source& source, unsigned size_class, bool exactly) noexcept {
    return source.cache != nullptr ? source.cache->take(size_class, *source.arena, exactly)
                                   : source.arena->allocate_one(size_class);
}

/// Past the thread's own cache. @param size_class kSmallClassCount: pages.
void* allocate_past_cache(ThreadState& state, size_t size, unsigned size_class,
                          const Request& request) noexcept {
    const Source source = source_of(state, request);
    if (source.arena == nullptr)
        return nullptr;
    const bool paged = size_class == kSmallClassCount;
    const size_t alignment = std::max(request.alignment, kPageSize);
    auto take = [&] {
        return paged ? take_pages_of(*source.arena, size, alignment, request.zero)
                     : take_region(source, size_class, request.arena != kNoIndex);
    };
    void* region = take();
    if (GRANARY_UNLIKELY(region == nullptr)) {
        reclaim(state);
        region = take();
        if (region == nullptr)
            return nullptr;
    }
    if (state.mode != ThreadState::Mode::cached)
        probe_allocated(state, region, size_with(size, request), request.zero);
    return region;
}

bool is_aligned_to(const void* pointer, size_t alignment) noexcept {
    return (base::address_of(pointer) & (alignment - 1)) == 0;
}

/// Resizes a region of pages to what `size` takes. @param may_move by page tables, huge blocks only.
/// @return the region, or nullptr if it was not possible.
void* resize_paged(const Found& found, void* pointer, size_t size, bool may_move) noexcept {
    const size_t pages = std::max<size_t>(pages_for(size), 1);
    Extent* const extent = PageMap::extent_at(base::address_of(pointer));
    if (found.code() == detail::kHugeHead) {
        if (pages <= kLargeMaxPages)
            return nullptr;
        if (may_move)
            return resize_huge(extent, size);
        return resize_huge_in_place(extent, size) ? pointer : nullptr;
    }
    if (pages > kLargeMaxPages || !arena_at(found.arena())->resize_large(extent, pages))
        return nullptr;
    return pointer;
}

/// Resizes without new memory where size and alignment allow it; nullptr otherwise.
/// Counts, and zeroes what was gained.
void* resize_found(ThreadState& state, const Found& found, void* pointer, size_t size,
                   const Request& request, bool may_move) noexcept {
    if (!is_aligned_to(pointer, request.alignment) || !can_have_pages(size, request.alignment))
        return nullptr;
    const unsigned size_class = aligned_class(request.alignment, size);
    if (found.is_small())
        return size_class == found.code() ? pointer : nullptr;
    if (size_class != kSmallClassCount)
        return nullptr;
    void* resized =
        resize_paged(found, pointer, size, may_move && request.alignment <= kChunkSize);
    if (resized == nullptr)
        return nullptr;
    const size_t usable = size_with(size, request);
    if (state.mode != ThreadState::Mode::cached && usable != found.usable)
        probe_resized(state, resized, found.usable, usable);
    if (request.zero && usable > found.usable)
        std::memset(static_cast<std::byte*>(resized) + found.usable, 0, usable - found.usable);
    return resized;
}

}  // namespace

void* allocate_with(size_t size, const Request& request) noexcept {
    size = std::max<size_t>(size, 1);
    if (request.is_automatic() && !request.zero)
        return allocate_aligned(request.alignment, size);
    const unsigned size_class = aligned_class(request.alignment, size);
    const bool paged = size_class == kSmallClassCount;
    if (paged && !can_have_pages(size, request.alignment))
        return nullptr;
    void* region = nullptr;
    if (!request.is_automatic()) {
        ThreadState& state = current_thread();
        tick(state);
        region = allocate_past_cache(state, size, size_class, request);
    } else if (paged) {
        ThreadState& state = current_thread();
        tick(state);
        region = allocate_pages(state, size, std::max(request.alignment, kPageSize), true);
    } else {
        region = allocate_aligned(request.alignment, size);
    }
    if (region != nullptr && request.zero && !paged)
        std::memset(region, 0, kSizeClasses[size_class].size);
    return region;
}

void* reallocate_with(void* pointer, size_t size, const Request& request) noexcept {
    if (pointer == nullptr)
        return allocate_with(size, request);
    const Found found = find_live("realloc", pointer);
    ThreadState& state = current_thread();
    tick(state);
    if (void* resized = resize_found(state, found, pointer, size, request, true))
        return resized;
    void* moved = allocate_with(size, request);
    if (moved == nullptr)
        return nullptr;
    // With `zero` what follows the copied bytes was zeroed with the rest of the new region.
    std::memcpy(moved, pointer, std::min(found.usable, std::max<size_t>(size, 1)));
    deallocate_with(pointer, request.cache);
    return moved;
}

size_t resize_with(void* pointer, size_t size, size_t extra, const Request& request) noexcept {
    if (pointer == nullptr)
        return 0;
    const Found found = find_live("xallocx", pointer);
    ThreadState& state = current_thread();
    tick(state);
    const size_t most = extra > kMaxSize - std::min(size, kMaxSize) ? kMaxSize : size + extra;
    if (size <= kMaxSize) {
        for (const size_t wanted : {most, size}) {
            if (resize_found(state, found, pointer, wanted, request, false) != nullptr)
                return size_with(wanted, request);
        }
    }
    return found.usable;
}

void deallocate_with(void* pointer, unsigned cache) noexcept {
    if (cache == kAutomaticCache)
        return deallocate(pointer);
    if (pointer == nullptr)
        return;
    const Found found = find_live("free", pointer);
    ThreadState& state = current_thread();
    tick(state);
    if (!found.is_small())
        return deallocate_found(state, found, pointer);
    if (state.mode != ThreadState::Mode::cached)
        probe_freed(state, pointer, found.usable);
    Arena& owner = *arena_at(found.arena());
    ExplicitCache* const explicit_cache =
        cache < CacheSet::kMost ? g_heap.caches.find(cache) : nullptr;
    if (explicit_cache != nullptr) {
        explicit_cache->give(found.code(), owner, pointer);
    } else {
        owner.deallocate_one(found.code(), pointer);
    }
}

void deallocate_sized_with(void* pointer, size_t size, const Request& request) noexcept {
    if (pointer == nullptr)
        return;
    const Found found = find_live("sized free", pointer);
    if (GRANARY_UNLIKELY(size_with(size, request) != found.usable))
        misuse::wrong_size(pointer, size, found.usable);
    deallocate_with(pointer, request.cache);
}

size_t size_with(size_t size, const Request& request) noexcept {
    const unsigned size_class = aligned_class(request.alignment, size);
    if (size_class != kSmallClassCount)
        return kSizeClasses[size_class].size;
    if (!can_have_pages(size, request.alignment))
        return 0;
    return base::align_up(std::max<size_t>(size, 1), kPageSize);
}

}  // namespace granary::core
