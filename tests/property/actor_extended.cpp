// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// actor_extended.cpp — the calls with flags, on arenas and thread caches of the program's own.
#include <array>

#include "actor.hpp"
#include "keeping_errno.hpp"

namespace granary::tests {
namespace {

constexpr int kZero = 0x40;
constexpr int kNoCache = 0x100;

/// Flags that name an arena and a thread cache of the program's: none where mallctl has none.
struct Explicit {
    std::array<int, 2> arenas{};
    std::array<int, 2> caches{};
};

int read_number(const Abi& abi, const char* name, unsigned otherwise) {
    unsigned number = otherwise;
    size_t length = sizeof number;
    if (abi.mallctl == nullptr || abi.mallctl(name, &number, &length, nullptr, 0) != 0)
        return static_cast<int>(otherwise);
    return static_cast<int>(number);
}

const Explicit& explicit_ones(const Abi& abi) {
    static const Explicit kOnes = [&abi] {
        Explicit ones;
        for (int& flags : ones.arenas)
            flags = static_cast<int>(
                static_cast<unsigned>(read_number(abi, "arenas.create", 0) + 1) << 20);
        for (int& flags : ones.caches) {
            const int cache = read_number(abi, "tcache.create", ~0U);
            flags = cache < 0 ? kNoCache : (cache + 2) << 8;
        }
        return ones;
    }();
    return kOnes;
}

/// Zeroing, arena and cache of an operation: a third is plain.
int flags_of(const Abi& abi, const Op& op) {
    const uint64_t bits = mix(op.size * 256 + op.argument);
    const Explicit& ones = explicit_ones(abi);
    int flags = (bits & 1) != 0 ? kZero : 0;
    constexpr unsigned kChoices = 6;
    switch ((bits >> 8) % kChoices) {
        case 0:
            return flags | kNoCache;
        case 1:
            return flags | ones.caches[bits >> 16 & 1];
        case 2:
            return flags | ones.arenas[bits >> 17 & 1];
        case 3:
            return flags | ones.arenas[bits >> 17 & 1] | ones.caches[bits >> 16 & 1];
        default:
            return flags;
    }
}

int alignment_flag(const Op& op) { return op.argument % 64 == 63 ? 20 : op.argument % 13; }

}  // namespace

void Actor::allocate_with_flags(const Op& op) {
    const unsigned slot = op.slot % static_cast<unsigned>(slots_.size());
    release(slot, (op.argument & 1) != 0);
    if (abi_.allocx == nullptr)
        return;
    const int lg_align = alignment_flag(op);
    const int flags = flags_of(abi_, op) | lg_align;
    Request request;
    request.size = bounded(op.size);
    request.alignment = size_t{1} << lg_align;
    request.origin = Origin::kFlags;
    request.zeroed = (flags & kZero) != 0;
    void* const pointer =
        keeping_errno("mallocx", [&] { return abi_.allocx->mallocx(request.size, flags); });
    const Region region = accept(pointer, request);
    const size_t said = abi_.allocx->nallocx(request.size, flags);
    const size_t asked = abi_.allocx->sallocx(pointer, flags);
    if (said != region.usable || asked != region.usable) {
        diverged("nallocx(%zu, %#x) is %zu, sallocx %zu, the usable size %zu", request.size,
                 static_cast<unsigned>(flags), said, asked, region.usable);
    }
    slots_[slot] = heap_.add(region);
}

void Actor::reallocate_with_flags(const Op& op) {
    ModelHeap::Place& slot = slots_[op.slot % slots_.size()];
    if (abi_.allocx == nullptr)
        return;
    Region old;
    if (slot != heap_.nowhere())
        old = slot->second;
    const int lg_align = alignment_flag(op);
    const int flags = flags_of(abi_, op) | lg_align;
    Request request;
    request.size = (op.argument & 3) == 0 ? old.usable + op.size % 64 : bounded(op.size);
    request.alignment = size_t{1} << lg_align;
    request.origin = Origin::kFlags;
    void* const pointer = keeping_errno(
        "rallocx", [&] { return abi_.allocx->rallocx(old.pointer(), request.size, flags); });
    if (slot != heap_.nowhere()) {
        const size_t kept = old.usable < request.size ? old.usable : request.size;
        check_stamp(old, static_cast<const unsigned char*>(pointer), kept, "after rallocx");
        heap_.forget(slot);
    }
    const Region region = accept(pointer, request);
    if ((flags & kZero) != 0) {
        for (size_t i = old.usable; i < region.usable; i += 1 + i % 61) {
            if (region.bytes()[i] != 0)
                diverged("rallocx left byte %zu of %p as it was", i, pointer);
        }
    }
    slot = heap_.add(region);
}

void Actor::resize_in_place(const Op& op) {
    ModelHeap::Place& slot = slots_[op.slot % slots_.size()];
    if (abi_.allocx == nullptr || slot == heap_.nowhere())
        return;
    Region region = slot->second;
    // To about what it has, or to anything.
    const size_t size = (op.argument & 1) != 0 ? bounded(op.size) + 1
                                               : region.usable - op.size % (region.usable / 4 + 1);
    const size_t extra = (op.argument & 2) != 0 ? op.size % 20'000 : 0;
    const size_t usable = keeping_errno("xallocx", [&] {
        return abi_.allocx->xallocx(region.pointer(), size, extra, 0);
    });
    if (usable != abi_.malloc_usable_size(region.pointer()))
        diverged("xallocx of %p says %zu, which is not its usable size", region.pointer(), usable);
    check_stamp(region, region.bytes(), usable, "after xallocx");
    if (usable == region.usable)
        return;
    // What was resized is freed by the size it has now.
    region.usable = usable;
    region.requested = usable;
    region.origin = Origin::kFlags;
    region.alignment = 1;
    region.stamp = next_stamp_++;
    heap_.forget(slot);
    slot = heap_.add(region);
}

void Actor::release_with_flags(const Op& op) {
    ModelHeap::Place& place = slots_[op.slot % slots_.size()];
    if (abi_.allocx == nullptr)
        return;
    const int flags = flags_of(abi_, op) & ~kZero;
    if (place == heap_.nowhere()) {
        keeping_errno_void("dallocx(NULL)", [&] { abi_.allocx->dallocx(nullptr, flags); });
        return;
    }
    const Region region = heap_.remove(place);
    place = heap_.nowhere();
    if (region.origin == Origin::kFlags && (op.argument & 1) != 0) {
        const int lg_align = __builtin_ctzll(region.alignment);
        // Any size from what was asked for to what is usable.
        const size_t size =
            region.requested + op.size % (region.usable - region.requested + 1);
        keeping_errno_void("sdallocx", [&] {
            abi_.allocx->sdallocx(region.pointer(), size, flags | lg_align);
        });
    } else {
        keeping_errno_void("dallocx", [&] { abi_.allocx->dallocx(region.pointer(), flags); });
    }
}

void Actor::allocate_batch(const Op& op) {
    if (abi_.allocx == nullptr)
        return;
    constexpr size_t kMost = 80;
    const size_t count = op.argument % kMost < slots_.size() ? op.argument % kMost : slots_.size();
    std::array<void*, kMost> pointers{};
    size_t freed = 0;
    for (size_t i = 0; i < count; ++i) {
        ModelHeap::Place& slot = slots_[(op.slot + i) % slots_.size()];
        if (slot != heap_.nowhere())
            pointers[freed++] = heap_.remove(slot).pointer();
        slot = heap_.nowhere();
    }
    keeping_errno_void("free_batch", [&] { abi_.allocx->free_batch(pointers.data(), freed); });
    const int flags = flags_of(abi_, op);
    Request request;
    request.size = op.size % 5000;
    request.alignment = 1;
    request.origin = Origin::kFlags;
    request.zeroed = (flags & kZero) != 0;
    const size_t got = keeping_errno("alloc_batch", [&] {
        return abi_.allocx->alloc_batch(request.size, flags, pointers.data(), count);
    });
    if (got != count)
        diverged("a batch of %zu regions has %zu", count, got);
    for (size_t i = 0; i < count; ++i)
        slots_[(op.slot + i) % slots_.size()] = heap_.add(accept(pointers[i], request));
}

}  // namespace granary::tests
