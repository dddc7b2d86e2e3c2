// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// actor.cpp — performs operations and verifies every result.
#include "actor.hpp"

#include <thread>

#include "keeping_errno.hpp"

namespace granary::tests {
namespace {

/// An actor with more live bytes than this only asks for small regions.
constexpr size_t kLiveBytesLimit = size_t{48} << 20;
/// Zeroed regions above this are read in full only now and then.
constexpr size_t kFullReadLimit = 64 * 1024;
constexpr unsigned kFullReadRarity = 8;
constexpr size_t kPage = 4096;

bool all_zero(const unsigned char* bytes, size_t length) {
    size_t i = 0;
    uint64_t any = 0;
    for (; i + sizeof any <= length; i += sizeof any) {
        uint64_t word;
        std::memcpy(&word, bytes + i, sizeof word);
        any |= word;
    }
    for (; i < length; ++i) any |= bytes[i];
    return any == 0;
}

}  // namespace

Actor::Actor(const Abi& abi, const Cast& cast, unsigned slots, uint64_t seed)
    : abi_(abi), cast_(cast), slots_(slots, heap_.nowhere()), rng_(seed), next_stamp_(mix(seed)) {}

void Actor::act(const Op& op) {
    const unsigned slot = op.slot % static_cast<unsigned>(slots_.size());
    switch (op.kind) {
        case OpKind::kMalloc:
        case OpKind::kCalloc:
        case OpKind::kAlignedAlloc:
        case OpKind::kPosixMemalign:
        case OpKind::kMemalign:
        case OpKind::kValloc:
        case OpKind::kPvalloc:
            return allocate(op);
        case OpKind::kRealloc:
        case OpKind::kReallocArray:
            return reallocate(op);
        case OpKind::kFree:
            return release(slot, false);
        case OpKind::kFreeSized:
            return release(slot, true);
        case OpKind::kVerify:
            return verify(slot);
        case OpKind::kSend:
            return send(op);
        case OpKind::kReceive:
            return receive();
        case OpKind::kShortThread:
            return host_short_thread(op);
        case OpKind::kTooLarge:
            return request_too_much(op);
        case OpKind::kForeign:
            return ask_about_foreign_addresses(op);
        case OpKind::kFlush:
            if (!flush_thread_cache(abi_))
                diverged("thread.tcache.flush failed");
            return;
        case OpKind::kPurge:
            if (!purge_all_arenas(abi_))
                diverged("arena.4096.purge failed");
            return;
        case OpKind::kFreeAll:
            return free_all();
        case OpKind::kMallocx:
            return allocate_with_flags(op);
        case OpKind::kRallocx:
            return reallocate_with_flags(op);
        case OpKind::kXallocx:
            return resize_in_place(op);
        case OpKind::kDallocx:
            return release_with_flags(op);
        case OpKind::kBatch:
            return allocate_batch(op);
    }
}

size_t Actor::bounded(size_t size) const {
    return heap_.live_bytes() < kLiveBytesLimit ? size : size % 256;
}

void* Actor::call_plain(const Op& op, Request& request) {
    request.size = bounded(op.size);
    if (op.kind == OpKind::kMalloc) {
        return keeping_errno("malloc", [&] { return abi_.malloc(request.size); });
    }
    const size_t count = op.argument % 7 + 1;
    const size_t each = request.size / count;
    request.size = count * each;
    request.zeroed = true;
    return keeping_errno("calloc", [&] { return abi_.calloc(count, each); });
}

void* Actor::call_aligned(const Op& op, Request& request) {
    request.size = bounded(op.size);
    request.alignment = size_t{1} << op.argument % 64;
    request.origin = Origin::kAligned;
    switch (op.kind) {
        case OpKind::kAlignedAlloc:
            return keeping_errno("aligned_alloc", [&] {
                return abi_.aligned_alloc(request.alignment, request.size);
            });
        case OpKind::kPosixMemalign:
            return keeping_errno("posix_memalign", [&] {
                void* pointer = nullptr;
                const int code = abi_.posix_memalign(&pointer, request.alignment, request.size);
                if (code != 0)
                    diverged("posix_memalign returned %d", code);
                return pointer;
            });
        case OpKind::kMemalign:
            return keeping_errno("memalign",
                                 [&] { return abi_.memalign(request.alignment, request.size); });
        case OpKind::kValloc:
            request.origin = Origin::kPages;
            request.alignment = kPage;
            return keeping_errno("valloc", [&] { return abi_.valloc(request.size); });
        default:
            request.origin = Origin::kPages;
            request.alignment = kPage;
            return keeping_errno("pvalloc", [&] { return abi_.pvalloc(request.size); });
    }
}

void Actor::allocate(const Op& op) {
    const unsigned slot = op.slot % static_cast<unsigned>(slots_.size());
    release(slot, (op.argument & 1) != 0);
    Request request;
    const bool plain = op.kind == OpKind::kMalloc || op.kind == OpKind::kCalloc;
    void* const pointer = plain ? call_plain(op, request) : call_aligned(op, request);
    const Region region = accept(pointer, request);
    if (op.kind == OpKind::kPvalloc && region.usable % kPage != 0 && is_granary(abi_)) {
        diverged("pvalloc(%zu) gave %zu usable bytes, not whole pages", request.size,
                 region.usable);
    }
    slots_[slot] = heap_.add(region);
}

Region Actor::accept(void* pointer, const Request& request) {
    if (pointer == nullptr)
        diverged("a request of %zu bytes failed", request.size);
    Region region;
    region.address = reinterpret_cast<uintptr_t>(pointer);
    region.requested = request.size;
    region.alignment = request.alignment;
    region.origin = request.origin;
    region.usable =
        keeping_errno("malloc_usable_size", [&] { return abi_.malloc_usable_size(pointer); });
    region.stamp = next_stamp_++;
    const size_t natural = request.size >= 16 ? 16 : 8;
    const size_t alignment = request.alignment > natural ? request.alignment : natural;
    if (region.address % alignment != 0) {
        diverged("%p (requested %zu) is not a multiple of %zu", pointer, request.size, alignment);
    }
    if (region.usable < request.size) {
        diverged("%p has %zu usable bytes for a request of %zu", pointer, region.usable,
                 request.size);
    }
    if (request.zeroed)
        check_zeroed(region);
    return region;
}

void Actor::check_zeroed(const Region& region) {
    const unsigned char* const bytes = region.bytes();
    if (region.usable <= kFullReadLimit || rng_.one_in(kFullReadRarity)) {
        if (!all_zero(bytes, region.usable))
            diverged("calloc gave non-zero bytes at %p", region.pointer());
        return;
    }
    const size_t shift = rng_.below(kPage / 8) * 8;
    for (size_t offset = shift; offset + 8 <= region.usable; offset += 4 * kPage) {
        if (!all_zero(bytes + offset, 8))
            diverged("calloc gave non-zero bytes at %p", region.pointer());
    }
    if (!all_zero(bytes + region.usable - kPage, kPage)) {
        diverged("calloc gave non-zero bytes at the end of %p", region.pointer());
    }
}

void Actor::reallocate(const Op& op) {
    ModelHeap::Place& slot = slots_[op.slot % slots_.size()];
    Region old;
    if (slot != heap_.nowhere())
        old = slot->second;
    Request request;
    request.size = bounded(op.size) + 1;
    if ((op.argument & 3) == 0)
        request.size = old.usable + op.size % 64;
    if ((op.argument & 3) == 1)
        request.size = old.usable - op.size % (old.usable / 8 + 1);
    if (request.size == 0)
        request.size = 1;
    void* pointer = nullptr;
    if (op.kind == OpKind::kRealloc) {
        pointer =
            keeping_errno("realloc", [&] { return abi_.realloc(old.pointer(), request.size); });
    } else {
        const size_t count = op.argument % 5 + 1;
        const size_t each = (request.size + count - 1) / count;
        request.size = count * each;
        pointer = keeping_errno("reallocarray",
                                [&] { return abi_.reallocarray(old.pointer(), count, each); });
    }
    if (slot != heap_.nowhere()) {
        const size_t kept = old.usable < request.size ? old.usable : request.size;
        check_stamp(old, static_cast<const unsigned char*>(pointer), kept, "after realloc");
        heap_.forget(slot);
    }
    slot = heap_.add(accept(pointer, request));
}

void Actor::release(unsigned slot, bool sized) {
    ModelHeap::Place& place = slots_[slot];
    if (place == heap_.nowhere()) {
        if (sized)
            keeping_errno_void("free(NULL)", [&] { abi_.free(nullptr); });
        return;
    }
    const Region region = heap_.remove(place);
    place = heap_.nowhere();
    free_region(region, sized);
}

void Actor::free_region(const Region& region, bool sized) {
    void* const pointer = region.pointer();
    if (!sized || region.origin == Origin::kPages) {
        keeping_errno_void("free", [&] { abi_.free(pointer); });
    } else if (region.origin == Origin::kFlags) {
        const int flags = __builtin_ctzll(region.alignment);
        keeping_errno_void("sdallocx",
                           [&] { abi_.allocx->sdallocx(pointer, region.requested, flags); });
    } else if (region.origin == Origin::kAligned) {
        keeping_errno_void("free_aligned_sized", [&] {
            abi_.free_aligned_sized(pointer, region.alignment, region.requested);
        });
    } else {
        keeping_errno_void("free_sized", [&] { abi_.free_sized(pointer, region.requested); });
    }
}

void Actor::free_all() {
    std::vector<ModelHeap::Entry> received;
    {
        const std::lock_guard lock(mailbox_mutex_);
        received.swap(mailbox_);
    }
    for (ModelHeap::Entry& entry : received)
        free_region(heap_.remove(heap_.take(std::move(entry))), false);
    for (unsigned slot = 0; slot < slots_.size(); ++slot) release(slot, false);
}

void Actor::verify_all() const {
    for_each_region([](const Region& region) {
        check_stamp(region, region.bytes(), region.usable, "at a checkpoint");
    });
}

void Actor::verify(unsigned slot) {
    if (slots_[slot] == heap_.nowhere())
        return;
    const Region& region = slots_[slot]->second;
    check_stamp(region, region.bytes(), region.usable, "while live");
    const size_t usable = keeping_errno("malloc_usable_size",
                                        [&] { return abi_.malloc_usable_size(region.pointer()); });
    if (usable != region.usable) {
        diverged("usable size of %p was %zu and is %zu", region.pointer(), region.usable, usable);
    }
    if (abi_.owns == nullptr)
        return;
    const size_t last = region.usable > 0 ? region.usable - 1 : 0;
    for (const size_t offset : {size_t{0}, last / 2, last}) {
        if (!keeping_errno("owns", [&] { return abi_.owns(region.bytes() + offset); })) {
            diverged("owns() denies byte %zu of the live region %p", offset, region.pointer());
        }
    }
}

void Actor::send(const Op& op) {
    ModelHeap::Place& slot = slots_[op.slot % slots_.size()];
    if (slot == heap_.nowhere())
        return;
    cast_[op.argument % cast_.size()]->deliver(heap_.give(slot));
    slot = heap_.nowhere();
}

void Actor::deliver(ModelHeap::Entry entry) {
    const std::lock_guard lock(mailbox_mutex_);
    mailbox_.push_back(std::move(entry));
}

void Actor::bequeath(Actor& heir) {
    receive();
    for (ModelHeap::Place& slot : slots_) {
        if (slot == heap_.nowhere())
            continue;
        heir.deliver(heap_.give(slot));
        slot = heap_.nowhere();
    }
}

void Actor::receive() {
    std::vector<ModelHeap::Entry> received;
    {
        const std::lock_guard lock(mailbox_mutex_);
        received.swap(mailbox_);
    }
    for (ModelHeap::Entry& entry : received) {
        const ModelHeap::Place place = heap_.take(std::move(entry));
        if (rng_.one_in(2) || heap_.live_bytes() > kLiveBytesLimit) {
            free_region(heap_.remove(place), rng_.one_in(4));
            continue;
        }
        const unsigned slot = static_cast<unsigned>(rng_.below(slots_.size()));
        release(slot, false);
        slots_[slot] = place;
    }
}

void Actor::host_short_thread(const Op& op) {
    constexpr unsigned kGuestSlots = 64;
    constexpr unsigned kGifts = 4;
    Actor guest(abi_, cast_, kGuestSlots, op.size);
    for (unsigned i = 0; i < kGifts; ++i) {
        ModelHeap::Place& slot = slots_[(op.slot + i) % slots_.size()];
        if (slot == heap_.nowhere())
            continue;
        guest.deliver(heap_.give(slot));
        slot = heap_.nowhere();
    }
    std::thread([&] {
        Rng rng(op.size);
        ProgramShape shape;
        shape.slots = kGuestSlots;
        shape.threads = static_cast<unsigned>(cast_.size());
        guest.receive();
        for (uint64_t left = rng.below(300); left > 0; --left) {
            const Op guest_op = make_op(shape, rng);
            if (guest_op.kind != OpKind::kShortThread)
                guest.act(guest_op);
        }
        guest.bequeath(*this);
    }).join();
}

}  // namespace granary::tests
