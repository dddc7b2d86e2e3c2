// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// counting_hooks.cpp — see the header.
#include "support/counting_hooks.hpp"

#include <sys/mman.h>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "granary/core/detail/fast_path.hpp"

namespace granary::core::tests {

namespace {
size_t index_of(HookKind kind) { return static_cast<size_t>(kind); }
}  // namespace

const char* name_of(HookKind kind) {
    constexpr std::array<const char*, kHookKinds> kNames{
        "alloc",      "dalloc",       "destroy", "commit", "decommit",
        "purge_lazy", "purge_forced", "split",   "merge"};
    return kNames[index_of(kind)];
}

CountingHooks& CountingHooks::of(ExtentHooks* hooks) {
    return *reinterpret_cast<Table*>(hooks)->self;  // the table is the first member
}

CountingHooks::CountingHooks() {
    good_.fill(SIZE_MAX);
    hooks_.self = this;
    hooks_.table = {
        .alloc = [](ExtentHooks* h, void*, size_t size, size_t alignment, bool* zero,
                    bool* commit, unsigned) { return of(h).alloc(size, alignment, zero, commit); },
        .dalloc = [](ExtentHooks* h, void* at, size_t size, bool committed,
                     unsigned) { return of(h).dalloc(at, size, committed); },
        .destroy =
            [](ExtentHooks* h, void* at, size_t size, bool committed, unsigned) {
                const std::lock_guard lock(of(h).mutex_);
                ++of(h).calls_[index_of(HookKind::destroy)];
                of(h).erase_locked(at, size, committed, "destroy");
            },
        .commit = [](ExtentHooks* h, void* at, size_t size, size_t offset, size_t length,
                     unsigned) {
            return of(h).on_part(HookKind::commit, at, size, offset, length);
        },
        .decommit = [](ExtentHooks* h, void* at, size_t size, size_t offset, size_t length,
                       unsigned) {
            return of(h).on_part(HookKind::decommit, at, size, offset, length);
        },
        .purge_lazy = [](ExtentHooks* h, void* at, size_t size, size_t offset, size_t length,
                         unsigned) {
            return of(h).on_part(HookKind::purge_lazy, at, size, offset, length);
        },
        .purge_forced = [](ExtentHooks* h, void* at, size_t size, size_t offset, size_t length,
                           unsigned) {
            return of(h).on_part(HookKind::purge_forced, at, size, offset, length);
        },
        .split = [](ExtentHooks* h, void* at, size_t size, size_t a, size_t b, bool committed,
                    unsigned) { return of(h).split(at, size, a, b, committed); },
        .merge = [](ExtentHooks* h, void* a, size_t a_size, void* b, size_t b_size, bool committed,
                    unsigned) { return of(h).merge(a, a_size, b, b_size, committed); },
    };
}

CountingHooks::~CountingHooks() { EXPECT_EQ(extents(), 0U) << "extents that were not given back"; }

void CountingHooks::refuse(HookKind kind, size_t n) {
    const std::lock_guard lock(mutex_);
    good_[index_of(kind)] = n;
}

void CountingHooks::allow(HookKind kind) { refuse(kind, SIZE_MAX); }

void CountingHooks::set_alloc(bool zeroed, bool committed) {
    const std::lock_guard lock(mutex_);
    zeroed_ = zeroed;
    committed_ = committed;
}

void CountingHooks::set_address_flags(uintptr_t flags) {
    const std::lock_guard lock(mutex_);
    address_flags_ = flags;
}

void CountingHooks::set_reentrant(bool reentrant) {
    const std::lock_guard lock(mutex_);
    reentrant_ = reentrant;
}

size_t CountingHooks::calls(HookKind kind) {
    const std::lock_guard lock(mutex_);
    return calls_[index_of(kind)];
}

size_t CountingHooks::extents() {
    const std::lock_guard lock(mutex_);
    return books_.size();
}

size_t CountingHooks::bytes() {
    const std::lock_guard lock(mutex_);
    size_t sum = 0;
    for (const auto& [base, extent] : books_) sum += extent.size;
    return sum;
}

bool CountingHooks::has(const void* address, size_t size) {
    const std::lock_guard lock(mutex_);
    uintptr_t at = base::address_of(address);
    const uintptr_t end = at + size;
    while (at < end) {
        auto next = books_.upper_bound(at);
        if (next == books_.begin())
            return false;
        const auto& [base, extent] = *std::prev(next);
        if (at >= base + extent.size || !extent.committed)
            return false;
        at = base + extent.size;
    }
    return true;
}

bool CountingHooks::refuses(HookKind kind) {
    bool reentrant = false;
    bool refused = false;
    {
        const std::lock_guard lock(mutex_);
        ++calls_[index_of(kind)];
        size_t& good = good_[index_of(kind)];
        refused = good == 0;
        good -= good != 0 && good != SIZE_MAX ? 1 : 0;
        reentrant = reentrant_;
    }
    if (reentrant) {
        void* const small = allocate(48);
        void* const large = allocate(100'000);
        EXPECT_NE(small, nullptr);
        EXPECT_NE(large, nullptr);
        deallocate(large);
        deallocate(small);
    }
    return refused;
}

void* CountingHooks::alloc(size_t size, size_t alignment, bool* zero, bool* commit) {
    if (refuses(HookKind::alloc))
        return nullptr;
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(size % kChunkSize, 0U);
    EXPECT_TRUE(base::is_power_of_two(alignment));
    // Extents of different calls are never neighbours by accident: a hole follows each.
    const size_t room = size + alignment + kChunkSize;
    void* const space = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                             -1, 0);
    if (space == MAP_FAILED)
        return nullptr;
    const uintptr_t start = base::align_up(base::address_of(space), alignment);
    void* const memory = base::pointer_at(start);
    if (committed_) {
        EXPECT_EQ(mprotect(memory, size, PROT_READ | PROT_WRITE), 0);
        if (!zeroed_) {
            for (size_t page = 0; page < size; page += kPageSize)
                static_cast<unsigned char*>(memory)[page] = 0xd1;
        }
    }
    books_[start] = {size, committed_};
    *zero = zeroed_;
    *commit = committed_;
    return base::pointer_at(start | address_flags_);
}

void CountingHooks::erase_locked(void* address, size_t size, bool committed, const char* call) {
    const auto place = books_.find(base::address_of(address));
    const bool known = place != books_.end() && place->second.size == size &&
                       place->second.committed == committed;
    EXPECT_TRUE(known) << call << " of what is not one extent: " << address << ", " << size;
    if (!known)
        return;
    EXPECT_EQ(mprotect(address, size, PROT_NONE), 0);  // F2
    madvise(address, size, MADV_DONTNEED);
    books_.erase(place);
}

bool CountingHooks::dalloc(void* address, size_t size, bool committed) {
    if (refuses(HookKind::dalloc))
        return true;
    const std::lock_guard lock(mutex_);
    erase_locked(address, size, committed, "dalloc");
    return false;
}

void CountingHooks::expect_part(const void* address, size_t size, size_t offset, size_t length) {
    const auto place = books_.find(base::address_of(address));
    const bool whole = place != books_.end() && place->second.size == size;
    EXPECT_TRUE(whole) << "part of what is not an extent: " << address << ", " << size;
    EXPECT_TRUE(offset < size && length != 0 && length <= size - offset);
    EXPECT_EQ((offset | length) % kPageSize, 0U);
}

bool CountingHooks::on_part(HookKind kind, void* address, size_t size, size_t offset,
                            size_t length) {
    const bool refused = refuses(kind);
    const std::lock_guard lock(mutex_);
    expect_part(address, size, offset, length);
    if (refused)
        return true;
    auto* const at = static_cast<unsigned char*>(address) + offset;
    Extent& extent = books_[base::address_of(address)];
    switch (kind) {
        case HookKind::commit:
        case HookKind::decommit: {
            EXPECT_EQ(length, size);
            const bool commit = kind == HookKind::commit;
            EXPECT_NE(extent.committed, commit);
            extent.committed = commit;
            if (!commit)
                madvise(at, length, MADV_DONTNEED);
            EXPECT_EQ(mprotect(at, length, commit ? PROT_READ | PROT_WRITE : PROT_NONE), 0);
            break;
        }
        case HookKind::purge_lazy:  // contents are anything now
            EXPECT_TRUE(extent.committed);
            for (size_t page = 0; page < length; page += 2 * kPageSize) at[page] = 0;
            break;
        default:
            EXPECT_TRUE(extent.committed);
            EXPECT_EQ(madvise(at, length, MADV_DONTNEED), 0);
            break;
    }
    return false;
}

bool CountingHooks::split(void* address, size_t size, size_t first, size_t second,
                          bool committed) {
    const bool refused = refuses(HookKind::split);
    const std::lock_guard lock(mutex_);
    const uintptr_t at = base::address_of(address);
    const auto place = books_.find(at);
    const bool known = place != books_.end() && place->second.size == size &&
                       place->second.committed == committed;
    EXPECT_TRUE(known) << "split of what is not one extent";
    EXPECT_TRUE(first != 0 && second != 0 && first + second == size);
    if (refused || !known)
        return true;
    place->second.size = first;
    books_[at + first] = {second, committed};
    return false;
}

bool CountingHooks::merge(void* low, size_t low_size, void* high, size_t high_size,
                          bool committed) {
    const bool refused = refuses(HookKind::merge);
    const std::lock_guard lock(mutex_);
    const auto first = books_.find(base::address_of(low));
    const auto second = books_.find(base::address_of(high));
    const bool known = first != books_.end() && second != books_.end() &&
                       first->second.size == low_size && second->second.size == high_size &&
                       first->first + low_size == second->first &&
                       first->second.committed == committed &&
                       second->second.committed == committed;
    EXPECT_TRUE(known) << "merge of what are not two neighbours";
    if (refused || !known)
        return true;
    first->second.size += high_size;
    books_.erase(second);
    return false;
}

}  // namespace granary::core::tests
