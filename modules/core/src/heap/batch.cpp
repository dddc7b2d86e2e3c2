// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// batch.cpp — many regions in one call, and questions that help to move them together; see
//             granary/core/extended.hpp.
#include <algorithm>
#include <cstring>

#include <granary/base/bits.hpp>

#include "granary/core/detail/fast_path.hpp"
#include "granary/core/extended.hpp"
#include "heap/explicit_arenas.hpp"
#include "heap/heap_state.hpp"
#include "heap/lookup.hpp"
#include "heap/probe.hpp"
#include "heap/requests.hpp"

namespace granary::core {

namespace {

/// A batch longer than this looks at the clock whatever the countdown says.
constexpr size_t kMostCounted = 1000;

/// Small regions of a request that no explicit cache serves.
size_t take_small_batch(ThreadState& state, Arena& arena, unsigned size_class, bool by_cache,
                        void** out, size_t count) noexcept {
    size_t done = by_cache ? state.pop_many(size_class, out, count) : 0;
    if (done == count)
        return done;
    tick(state);
    done += arena.allocate_many(size_class, out + done, count - done);
    if (GRANARY_UNLIKELY(done < count)) {
        reclaim(state);
        done += arena.allocate_many(size_class, out + done, count - done);
    }
    return done;
}

}  // namespace

size_t allocate_batch(size_t size, const Request& request, void** out, size_t count) noexcept {
    size = std::max<size_t>(size, 1);
    const unsigned size_class = aligned_class(request.alignment, size);
    size_t done = 0;
    if (size_class == kSmallClassCount ||
        (request.cache != kAutomaticCache && request.cache != kNoCache)) {
        while (done < count && (out[done] = allocate_with(size, request)) != nullptr) ++done;
        return done;
    }
    ThreadState& state = current_thread();
    Arena* arena =
        request.arena == kNoIndex ? arena_of(state) : live_arena(request.arena);
    if (arena == nullptr)
        return 0;
    const bool by_cache = request.is_automatic() && state.mode != ThreadState::Mode::direct;
    done = take_small_batch(state, *arena, size_class, by_cache, out, count);
    const size_t usable = kSizeClasses[size_class].size;
    if (request.zero) {
        for (size_t i = 0; i < done; ++i) std::memset(out[i], 0, usable);
    }
    if (state.mode != ThreadState::Mode::cached) {
        for (size_t i = 0; i < done; ++i) probe_allocated(state, out[i], usable, request.zero);
    }
    return done;
}

void deallocate_batch(void* const* pointers, size_t count) noexcept {
    const detail::PageEntry* entry = nullptr;
    uintptr_t page = 0;
    for (size_t i = 0; i < count; ++i) {
        void* const pointer = pointers[i];
        const uintptr_t address = base::address_of(pointer);
        // Neighbours often lie in one page: its entry is found once.
        if (address >> kPageShift != page || entry == nullptr) {
            page = address >> kPageShift;
            entry = detail::find_entry(address);
        }
        detail::CacheView* const cache = detail::t_cache;
        const uint32_t c =
            entry == nullptr
                ? ~uint32_t{0}
                : entry->tag.load(std::memory_order_relaxed) ^ cache->owner_key;
        void** const top = c < kSmallClassCount ? cache->tops[c].load(std::memory_order_relaxed)
                                                : nullptr;
        // The same questions as in deallocate(), which asks them again and acts upon them.
        if (GRANARY_UNLIKELY(
                base::address_of(top) % detail::kMagazineAlignment == 0 ||
                !detail::is_region_start(address, entry->detail.load(std::memory_order_relaxed),
                                         cache->reciprocals[c]) ||
                top[-1] == pointer || top[-2] == pointer)) {
            deallocate(pointer);
            continue;
        }
        *top = pointer;
        // ORDER: release, as in deallocate().
        cache->tops[c].store(top + 1, std::memory_order_release);
    }
    // As for single frees: a look at the clock now and then. The empty cache is not written to.
    detail::CacheView* const cache = detail::t_cache;
    if (cache == &detail::kEmptyCache || count > kMostCounted)
        return tick(current_thread());
    cache->countdown -= static_cast<int32_t>(count);
    if (cache->countdown < 0)
        detail::tick_slow();
}

Utilization utilization_of(const void* pointer) noexcept {
    Utilization result;
    const detail::PageEntry* entry = find_region(pointer);
    if (entry == nullptr)
        return result;
    const uint32_t tag = entry->tag.load(std::memory_order_relaxed);
    if (!detail::is_run_tag(tag)) {
        result.regions = 1;
        result.bytes = size_t{entry->detail.load(std::memory_order_relaxed)} << kPageShift;
        return result;
    }
    RunView view;
    Bin& bin = arena_at(detail::tag_arena(tag))->bin(detail::tag_code(tag));
    if (!bin.look_at(pointer, view))
        return result;
    result.next_run = view.next_run == 0 ? nullptr : base::pointer_at(view.next_run);
    result.free_regions = view.free_regions;
    result.regions = view.regions;
    result.bytes = view.run_bytes;
    result.bin_free_regions = view.bin_free_regions;
    result.bin_regions = view.bin_regions;
    return result;
}

bool is_worth_moving(const void* pointer) noexcept {
    const detail::PageEntry* entry = find_region(pointer);
    if (entry == nullptr)
        return false;
    const uint32_t tag = entry->tag.load(std::memory_order_relaxed);
    return detail::is_run_tag(tag) &&
           arena_at(detail::tag_arena(tag))->is_worth_moving(detail::tag_code(tag), pointer);
}

}  // namespace granary::core
