// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// chunk_source.cpp — taking, giving, merging, purging.
#include "page/chunk_source.hpp"

#include <algorithm>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "page/hooked_pages.hpp"
#include "page/page_class.hpp"

namespace granary::core {

namespace {
/// A span is half of what is reserved already, within these bounds: few mappings, and under a limit
/// on address space never most of it.
constexpr size_t kSmallestSpan = 8 * 1024 * 1024;
constexpr size_t kLargestSpan = 256 * 1024 * 1024;
/// How many ranges of the class below the wanted one are looked at before a larger class is split.
constexpr int kNearFits = 4;
/// What the page map can name; also keeps every length within the buckets.
constexpr size_t kMostChunks = size_t{1} << (detail::kAddressBits - kChunkShift);

constexpr size_t index_of(PageState state) noexcept { return static_cast<size_t>(state); }
size_t chunks_of(const Extent& extent) noexcept { return extent.bytes >> kChunkShift; }
/// C4.
bool is_free_here(const ChunkWord& word) noexcept {
    return word.use == ChunkUse::free && word.index == 0;
}
}  // namespace

void ChunkSource::bind(const os::PageOps& ops, MetadataHeap& metadata, PageMap& page_map) noexcept {
    ops_ = &ops;
    metadata_ = &metadata;
    page_map_ = &page_map;
}

void ChunkSource::bind(HookedPages& hooked) noexcept {
    hooked_ = &hooked;
    ops_ = &hooked.page_ops();
}

bool ChunkSource::take(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    if (GRANARY_UNLIKELY(hooked_ != nullptr))
        return hooked_->take(chunks, alignment, out);
    ScopedLock lock(mutex_);
    release_kept_locked();
    return take_locked(chunks, alignment, out);
}

bool ChunkSource::take_locked(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    if (chunks > kMostChunks)
        return false;
    alignment = std::max(alignment, kChunkSize);
    return take_free_locked(chunks, alignment, out) || take_fresh_locked(chunks, alignment, out);
}

bool ChunkSource::has_resident(size_t chunks, size_t alignment) noexcept {
    if (!has_unpurged() || chunks > kMostChunks)
        return false;
    ScopedLock lock(mutex_);
    release_kept_locked();
    alignment = std::max(alignment, kChunkSize);
    return find_locked(PageState::dirty, chunks, alignment) != nullptr ||
           find_locked(PageState::muzzy, chunks, alignment) != nullptr;
}

bool ChunkSource::take_free_locked(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    for (PageState state : {PageState::dirty, PageState::muzzy, PageState::retained}) {
        Extent* extent = find_locked(state, chunks, alignment);
        if (extent == nullptr)
            continue;
        const uintptr_t base = base::align_up(extent->base, alignment);
        split_locked(extent, base, chunks);
        out = {base, chunks, state == PageState::retained};
        return true;
    }
    return false;
}

Extent* ChunkSource::find_locked(PageState state, size_t chunks, size_t alignment) noexcept {
    FreeSet& set = free_[index_of(state)];
    auto fits = [&](const Extent& extent) {
        const uintptr_t base = base::align_up(extent.base, alignment);
        return base + (chunks << kChunkShift) <= extent.base + extent.bytes;
    };
    const size_t exact = page_class_ceil(chunks);
    const size_t below = page_class_floor(chunks);
    if (below != exact) {
        int tries = kNearFits;
        for (Extent& extent : set.buckets[below]) {
            if (fits(extent))
                return &extent;
            if (--tries == 0)
                break;
        }
    }
    for (size_t b = set.nonempty.find_first_set(exact); b < kBuckets;
         b = set.nonempty.find_first_set(b + 1)) {
        for (Extent& extent : set.buckets[b]) {
            if (fits(extent))
                return &extent;
            if (alignment == kChunkSize)
                break;  // cannot happen: the class is long enough
        }
    }
    return nullptr;
}

void ChunkSource::split_locked(Extent* extent, uintptr_t base, size_t chunks) noexcept {
    const uintptr_t old_base = extent->base;
    const uintptr_t old_end = extent->base + extent->bytes;
    const uintptr_t end = base + (chunks << kChunkShift);
    const PageState state = extent->state;
    unlink_locked(extent);
    PageMap::clear_chunks(base, chunks);  // before its neighbours look whom to merge with
    // The tail first: it may need a descriptor, and the one just given back is then there for it.
    if (end < old_end)
        insert_locked(end, (old_end - end) >> kChunkShift, state);
    if (old_base < base)
        insert_locked(old_base, (base - old_base) >> kChunkShift, state);
}

bool ChunkSource::take_fresh_locked(size_t chunks, size_t alignment, ChunkRange& out) noexcept {
    const size_t bytes = chunks << kChunkShift;
    uintptr_t base = base::align_up(span_cursor_, alignment);
    if (span_cursor_ == 0 || base < span_cursor_ || base > span_end_ || span_end_ - base < bytes) {
        if (!grow_span_locked(bytes, alignment))
            return false;
        base = base::align_up(span_cursor_, alignment);
    }
    // Chunks skipped for alignment are committed with the rest, so that C3 holds for them too.
    if (!ops_->commit(ops_->self, base::pointer_at(span_cursor_), base + bytes - span_cursor_))
        return false;
    const uintptr_t skipped = span_cursor_;
    span_cursor_ = base + bytes;
    if (skipped < base)
        insert_locked(skipped, (base - skipped) >> kChunkShift, PageState::retained);
    out = {base, chunks, true};  // chunk words of fresh chunks are "none" from the start
    return true;
}

void ChunkSource::apply_huge_policy(uintptr_t base, size_t bytes) noexcept {
    if (huge_policy_ != HugePages::always && huge_policy_ != HugePages::never)
        return;
    static_cast<void>(ops_->hint_huge(ops_->self, base::pointer_at(base), bytes,
                                      huge_policy_ == HugePages::always));
}

/// Address space for a span of `bytes`, or up to a chunk more, with its leaves of the page map: later
/// there might be no room for them beside it.
bool ChunkSource::reserve_span_locked(size_t bytes, uintptr_t& start, uintptr_t& end) noexcept {
    // Spans are asked for right below the lowest one: the kernel then merges them into one mapping.
    size_t reserved = bytes + kChunkSize;
    void* const hint = lowest_ > reserved ? base::pointer_at(lowest_ - bytes) : nullptr;
    void* memory = ops_->reserve(ops_->self, hint, hint != nullptr ? bytes : reserved);
    if (memory != nullptr && hint != nullptr) {
        if (base::is_aligned(base::address_of(memory), kChunkSize)) {
            reserved = bytes;
        } else {
            ops_->release(ops_->self, memory, bytes);
            memory = ops_->reserve(ops_->self, nullptr, reserved);
        }
    }
    if (memory == nullptr)
        return false;
    const uintptr_t first = base::address_of(memory);
    const uintptr_t last = first + reserved;
    start = base::align_up(first, kChunkSize);
    end = base::align_down(last, kChunkSize);
    if (start > first)
        ops_->release(ops_->self, memory, start - first);
    if (last > end)
        ops_->release(ops_->self, base::pointer_at(end), last - end);
    if (page_map_->cover(start, end - start, *metadata_))
        return true;
    ops_->release(ops_->self, base::pointer_at(start), end - start);
    return false;
}

bool ChunkSource::grow_span_locked(size_t bytes, size_t alignment) noexcept {
    const size_t slack = alignment > kChunkSize ? alignment : 0;
    size_t wanted = 0;
    if (base::add_overflows(bytes, slack + kChunkSize, wanted))
        return false;
    const size_t least = bytes + slack;
    size_t span =
        base::align_up(std::clamp(reserved_ / 2, kSmallestSpan, kLargestSpan), kChunkSize);
    span = std::max(span, least);
    uintptr_t aligned = 0;
    uintptr_t aligned_end = 0;
    while (!reserve_span_locked(span, aligned, aligned_end)) {
        if (span == least)
            return false;
        span = std::max(base::align_up(span / 2, kChunkSize), least);
    }
    apply_huge_policy(aligned, aligned_end - aligned);
    // What is left of the old span stays usable, unless its pages cannot be had.
    const size_t rest = span_end_ - span_cursor_;
    if (rest != 0 && ops_->commit(ops_->self, base::pointer_at(span_cursor_), rest))
        insert_locked(span_cursor_, rest >> kChunkShift, PageState::retained);
    span_cursor_ = aligned;
    span_end_ = aligned_end;
    if (lowest_ == 0 || aligned < lowest_)
        lowest_ = aligned;
    reserved_ += aligned_end - aligned;
    return true;
}

bool ChunkSource::detach_tail(uintptr_t base, size_t chunks, size_t keep) noexcept {
    return hooked_ == nullptr || hooked_->detach_tail(base, chunks, keep);
}

bool ChunkSource::take_following(uintptr_t end, size_t chunks, ChunkRange& out) noexcept {
    if (GRANARY_UNLIKELY(hooked_ != nullptr))
        return hooked_->take_following(end, chunks, out);
    ScopedLock lock(mutex_);
    release_kept_locked();  // the block behind may be one
    if (end == span_cursor_ && span_end_ - end >= (chunks << kChunkShift)) {
        return take_fresh_locked(chunks, kChunkSize, out);
    }
    if (!is_free_here(PageMap::chunk_word(end)))
        return false;
    Extent* extent = PageMap::chunk_extent(end);
    if (extent == nullptr || extent->base != end || chunks_of(*extent) < chunks)
        return false;
    const bool zeroed = extent->state == PageState::retained;
    split_locked(extent, end, chunks);
    out = {end, chunks, zeroed};
    return true;
}

bool ChunkSource::back_with_huge_pages(uintptr_t base, size_t chunks) noexcept {
    // A program's own hooks have their own idea of the pages behind them.
    if (chunks == 0 || hooked_ != nullptr || !huge_pages_.load(std::memory_order_relaxed))
        return false;
    const bool done =
        ops_->hint_huge(ops_->self, base::pointer_at(base), chunks << kChunkShift, true);
    if (!done)
        huge_pages_.store(false, std::memory_order_relaxed);
    return done;
}

bool ChunkSource::is_dense(uintptr_t base, size_t size) noexcept {
    if (size < kChunkSize || hooked_ != nullptr || !huge_pages_.load(std::memory_order_relaxed))
        return false;
    size_t missing = 0;
    for (size_t i = 0; i < kProbes; ++i) {
        const size_t offset = base::align_down(size / kProbes * i + size / (2 * kProbes), os::page_size());
        if (!ops_->is_resident(ops_->self, base::pointer_at(base + offset)) && ++missing > 1)
            return false;
    }
    return true;
}

void ChunkSource::give(uintptr_t base, size_t chunks, bool dirty) noexcept {
    if (GRANARY_UNLIKELY(hooked_ != nullptr))
        return hooked_->give(base, chunks, dirty);
    ScopedLock lock(mutex_);
    give_locked(base, chunks, dirty);
}

void ChunkSource::give_locked(uintptr_t base, size_t chunks, bool dirty) noexcept {
    PageMap::clear_chunks(base, chunks);  // no chunk of it is a huge block's or an arena's any more
    const size_t bytes = chunks << kChunkShift;
    if (!dirty && !retain_ && ops_->release(ops_->self, base::pointer_at(base), bytes)) {
        reserved_ -= bytes;
        return;
    }
    insert_locked(base, chunks, dirty ? PageState::dirty : PageState::retained);
}

/// Inserts a free range and merges it with its neighbours of the same state (C1).
void ChunkSource::insert_locked(uintptr_t base, size_t chunks, PageState state) noexcept {
    uintptr_t end = base + (chunks << kChunkShift);
    if (is_free_here(PageMap::chunk_word(base - 1))) {
        Extent* before = PageMap::chunk_extent(base - 1);
        if (before != nullptr && before->state == state) {
            base = before->base;
            unlink_locked(before);
        }
    }
    if (is_free_here(PageMap::chunk_word(end))) {
        Extent* after = PageMap::chunk_extent(end);
        if (after != nullptr && after->state == state) {
            end += after->bytes;
            unlink_locked(after);
        }
    }
    Extent* extent = link_locked(base, (end - base) >> kChunkShift, state);
    if (extent == nullptr) {
        // The slots may still name a descriptor that serves another range by now (C2).
        PageMap::set_chunk(base, {}, nullptr);
        PageMap::set_chunk(end - kChunkSize, {}, nullptr);
        return;
    }
    // Inner slots keep whatever they say: only a range's ends are ever looked at (C2).
    PageMap::set_chunk(base, {ChunkUse::free, 0, 0}, extent);
    PageMap::set_chunk(end - kChunkSize, {ChunkUse::free, 0, 0}, extent);
}

Extent* ChunkSource::link_locked(uintptr_t base, size_t chunks, PageState state) noexcept {
    Extent* extent = extents_.take(*metadata_);
    if (extent == nullptr) {
        // No descriptor for 128 bytes: the addresses go back, too, so that there is room for one.
        const size_t bytes = chunks << kChunkShift;
        if (ops_->release(ops_->self, base::pointer_at(base), bytes)) {
            reserved_ -= bytes;
        } else {
            ops_->purge_forced(ops_->self, base::pointer_at(base), bytes);
        }
        return nullptr;
    }
    *extent = Extent{};
    extent->base = base;
    extent->bytes = chunks << kChunkShift;
    extent->kind = ExtentKind::free_chunks;
    extent->state = state;
    FreeSet& set = free_[index_of(state)];
    const size_t bucket = page_class_floor(chunks);
    set.buckets[bucket].push_front(*extent);
    set.nonempty.set(bucket);
    auto& count = free_chunks_[index_of(state)];
    count.store(count.load(std::memory_order_relaxed) + chunks, std::memory_order_relaxed);
    return extent;
}

void ChunkSource::unlink_locked(Extent* extent) noexcept {
    FreeSet& set = free_[index_of(extent->state)];
    const size_t bucket = page_class_floor(chunks_of(*extent));
    set.buckets[bucket].erase(*extent);
    if (set.buckets[bucket].empty())
        set.nonempty.clear(bucket);
    auto& count = free_chunks_[index_of(extent->state)];
    count.store(count.load(std::memory_order_relaxed) - chunks_of(*extent),
                std::memory_order_relaxed);
    extents_.give(extent);
}

void ChunkSource::set_decay(int64_t dirty_ms, int64_t muzzy_ms, uint64_t now_ns) noexcept {
    if (hooked_ != nullptr)
        return hooked_->set_decay(dirty_ms, muzzy_ms, now_ns);
    ScopedLock lock(mutex_);
    dirty_decay_.set_time(dirty_ms, now_ns);
    muzzy_decay_.set_time(muzzy_ms, now_ns);
}

void ChunkSource::decay(uint64_t now_ns) noexcept {
    if (hooked_ != nullptr)
        return hooked_->decay(now_ns);
    ScopedLock lock(mutex_);
    // The curve is asked in pages: a chunk goes when a whole one's worth has decayed.
    auto chunks_to_keep = [now_ns](Decay& decay, size_t chunks) {
        return decay.limit(now_ns, chunks * kChunkPages, kChunkPages) / kChunkPages;
    };
    // Kept blocks are as dirty as free ones, and go only where the free ones are not enough.
    size_t kept_blocks = kept().chunks;
    const size_t dirty =
        free_chunks_[index_of(PageState::dirty)].load(std::memory_order_relaxed) + kept_blocks;
    const size_t keep = chunks_to_keep(dirty_decay_, dirty);
    if (keep < kept_blocks) {
        release_kept_locked();
        kept_blocks = 0;
    }
    const bool lazily = muzzy_decay_.milliseconds() != 0;
    const size_t muzzy = free_chunks_[index_of(PageState::muzzy)].load(std::memory_order_relaxed);
    const size_t keep_muzzy = chunks_to_keep(muzzy_decay_, muzzy);
    lock.release();
    if (keep_muzzy < muzzy)
        purge_to(PageState::muzzy, keep_muzzy, false);
    if (keep < dirty)
        purge_to(PageState::dirty, keep - kept_blocks, lazily);
}

size_t ChunkSource::purge() noexcept {
    if (hooked_ != nullptr)
        return hooked_->purge();
    release_kept();
    return purge_to(PageState::dirty, 0, false) + purge_to(PageState::muzzy, 0, false);
}

size_t ChunkSource::purge_to(PageState from, size_t keep_chunks, bool lazily) noexcept {
    size_t purged = 0;
    ScopedLock lock(mutex_);
    FreeSet& set = free_[index_of(from)];
    PurgeCounters& counters = from == PageState::dirty ? dirty_purges_ : muzzy_purges_;
    ++counters.passes;
    for (;;) {
        const size_t unused = free_chunks_[index_of(from)].load(std::memory_order_relaxed);
        if (unused <= keep_chunks)
            break;
        // The smallest ranges go first: large ones are what a next huge block can use.
        const size_t bucket = set.nonempty.find_first_set();
        if (bucket == kBuckets)
            break;
        Extent* extent = set.buckets[bucket].back();
        // No more than is asked for, from the end: the beginning is taken again first.
        const size_t chunks = std::min(chunks_of(*extent), unused - keep_chunks);
        const size_t bytes = chunks << kChunkShift;
        const uintptr_t base = extent->base + extent->bytes - bytes;
        split_locked(extent, base, chunks);  // taken: nobody merges with it meanwhile (C1)
        ++counters.calls;
        counters.pages += bytes >> kPageShift;
        lock.release();
        const bool released =
            !retain_ && !lazily && ops_->release(ops_->self, base::pointer_at(base), bytes);
        const bool done = released ||
                          (lazily ? ops_->purge_lazy(ops_->self, base::pointer_at(base), bytes)
                                  : ops_->purge_forced(ops_->self, base::pointer_at(base), bytes));
        lock.reacquire();
        if (released) {
            reserved_ -= bytes;
            purged += bytes;
            continue;
        }
        if (!done) {  // locked pages, perhaps: keep them, and do not try again and again
            insert_locked(base, bytes >> kChunkShift, from);
            break;
        }
        insert_locked(base, bytes >> kChunkShift, lazily ? PageState::muzzy : PageState::retained);
        purged += bytes;
    }
    return purged;
}

void ChunkSource::release_address_space(size_t chunks) noexcept {
    ScopedLock lock(mutex_);
    // The unused end of the span first: it makes no hole.
    const size_t spare = std::min(chunks << kChunkShift, span_end_ - span_cursor_);
    if (spare > 0 && ops_->release(ops_->self, base::pointer_at(span_end_ - spare), spare)) {
        span_end_ -= spare;
        reserved_ -= spare;
        chunks -= spare >> kChunkShift;
    }
    FreeSet& set = free_[index_of(PageState::retained)];
    while (chunks > 0) {
        const size_t bucket = set.nonempty.find_first_set();
        if (bucket == kBuckets)
            return;
        Extent* extent = set.buckets[bucket].front();
        const uintptr_t base = extent->base;
        const size_t taken = std::min(chunks, chunks_of(*extent));
        split_locked(extent, base, taken);
        if (!ops_->release(ops_->self, base::pointer_at(base), taken << kChunkShift)) {
            insert_locked(base, taken, PageState::retained);
            return;
        }
        reserved_ -= taken << kChunkShift;
        chunks -= taken;
    }
}

size_t ChunkSource::free_bytes(PageState state) noexcept {
    if (hooked_ != nullptr)
        return hooked_->free_bytes(state);
    ScopedLock lock(mutex_);
    size_t bytes = free_chunks_[index_of(state)].load(std::memory_order_relaxed) << kChunkShift;
    if (state == PageState::retained)
        bytes += span_end_ - span_cursor_;
    return bytes;
}

void ChunkSource::read_purge_counters(PurgeCounters& dirty, PurgeCounters& muzzy) noexcept {
    if (hooked_ != nullptr)
        return hooked_->read_purge_counters(dirty, muzzy);
    ScopedLock lock(mutex_);
    dirty = dirty_purges_;
    muzzy = muzzy_purges_;
}

void ChunkSource::check_invariants() noexcept {
    if (hooked_ != nullptr)
        return hooked_->check_invariants();
    ScopedLock lock(mutex_);
    for (size_t s = 0; s < kPageStates; ++s) {
        size_t chunks = 0;
        for (size_t b = 0; b < kBuckets; ++b) {
            GRANARY_CHECK(free_[s].buckets[b].empty() != free_[s].nonempty.test(b),
                          "chunk source: bucket mask [C1]");
            for (Extent& extent : free_[s].buckets[b]) {
                chunks += chunks_of(extent);
                GRANARY_CHECK(index_of(extent.state) == s,
                              "chunk source: state of a free range [C1]");
                GRANARY_CHECK(PageMap::chunk_extent(extent.base) == &extent,
                              "chunk source: first slot [C2]");
                GRANARY_CHECK(PageMap::chunk_extent(extent.base + extent.bytes - 1) == &extent,
                              "chunk source: last slot [C2]");
            }
        }
        GRANARY_CHECK(chunks == free_chunks_[s].load(std::memory_order_relaxed),
                      "chunk source: chunk count [C1]");
    }
}

}  // namespace granary::core
