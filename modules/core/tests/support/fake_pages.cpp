// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fake_pages.cpp — see the header.
#include "support/fake_pages.hpp"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "granary/core/size_class.hpp"

namespace granary::core::tests {

namespace {

FakePages& fake(void* self) { return *static_cast<FakePages*>(self); }
const os::PageOps& kernel() { return os::kernel_pages(); }
size_t index_of(PageCall call) { return static_cast<size_t>(call); }

}  // namespace

const char* name_of(PageCall call) {
    constexpr std::array<const char*, kPageCalls> kNames{"reserve",   "release",    "commit",
                                                         "decommit",  "purge_lazy", "purge_forced",
                                                         "hint_huge", "move",       "map"};
    return kNames[index_of(call)];
}

FakePages::FakePages() {
    void* const space = kernel().reserve(kernel().self, nullptr, kSpace);
    EXPECT_NE(space, nullptr);
    space_ = base::address_of(space);
    lowest_ = base::align_down(space_ + kSpace, kChunkSize) - kChunkSize;  // no neighbours
    ops_.self = this;
    ops_.reserve = [](void* self, void* hint, size_t size) noexcept {
        return fake(self).reserve(hint, size);
    };
    ops_.release = [](void* self, void* at, size_t size) noexcept {
        return fake(self).release(at, size);
    };
    ops_.commit = [](void* self, void* at, size_t size) noexcept {
        return fake(self).commit(at, size);
    };
    ops_.decommit = [](void* self, void* at, size_t size) noexcept {
        return fake(self).decommit(at, size);
    };
    ops_.purge_lazy = [](void* self, void* at, size_t size) noexcept {
        return fake(self).purge_lazy(at, size);
    };
    ops_.purge_forced = [](void* self, void* at, size_t size) noexcept {
        return fake(self).purge_forced(at, size);
    };
    ops_.hint_huge = [](void* self, void*, size_t, bool) noexcept {
        const std::lock_guard lock(fake(self).mutex_);
        // Told to the kernel it would make untouched pages resident, and tests count those.
        return !fake(self).refuses_locked(PageCall::hint_huge);
    };
    ops_.is_resident = [](void*, void* at) noexcept {
        return kernel().is_resident(kernel().self, at);
    };
    ops_.move = [](void* self, void* from, void* to, size_t size) noexcept {
        return fake(self).move(from, to, size);
    };
    ops_.map = [](void* self, size_t size) noexcept { return fake(self).map(size); };
}

FakePages::~FakePages() { kernel().release(kernel().self, base::pointer_at(space_), kSpace); }

void FakePages::fail_after(PageCall call, size_t n, size_t times) {
    const std::lock_guard lock(mutex_);
    failing_[index_of(call)] = {n, times};
}

void FakePages::heal() {
    const std::lock_guard lock(mutex_);
    failing_ = {};
}

size_t FakePages::calls(PageCall call) {
    const std::lock_guard lock(mutex_);
    return calls_[index_of(call)];
}

size_t FakePages::failures() {
    const std::lock_guard lock(mutex_);
    return failures_;
}

void FakePages::set_lazy_purge(LazyPurge behaviour) {
    const std::lock_guard lock(mutex_);
    lazy_purge_ = behaviour;
}

size_t FakePages::reserved_bytes() {
    const std::lock_guard lock(mutex_);
    return sum_locked(State::reserved);
}

size_t FakePages::committed_bytes() {
    const std::lock_guard lock(mutex_);
    return sum_locked(State::committed);
}

size_t FakePages::mapped_bytes() {
    const std::lock_guard lock(mutex_);
    return sum_locked(State::mapped);
}

bool FakePages::is_committed(uintptr_t base, size_t size) {
    const std::lock_guard lock(mutex_);
    return all_locked(base, size, State::committed, State::committed);
}

size_t FakePages::sum_locked(State state) {
    size_t bytes = 0;
    for (const auto& [base, region] : books_)
        bytes += region.state == state ? region.end - base : 0;
    return bytes;
}

bool FakePages::refuses_locked(PageCall call) {
    ++calls_[index_of(call)];
    Failing& failing = failing_[index_of(call)];
    if (failing.bad == 0)
        return false;
    if (failing.good > 0) {
        --failing.good;
        return false;
    }
    if (failing.bad != SIZE_MAX)
        --failing.bad;
    ++failures_;
    return true;
}

void FakePages::split_locked(uintptr_t at) {
    auto after = books_.upper_bound(at);
    if (after == books_.begin())
        return;
    auto [base, region] = *std::prev(after);
    if (base == at || region.end <= at)
        return;
    std::prev(after)->second.end = at;
    books_.emplace(at, region);
}

void FakePages::note_locked(uintptr_t base, size_t size, State state) {
    split_locked(base);
    split_locked(base + size);
    books_.erase(books_.lower_bound(base), books_.lower_bound(base + size));
    auto at = books_.emplace(base, Region{base + size, state}).first;
    auto next = std::next(at);
    if (next != books_.end() && next->first == at->second.end && next->second.state == state) {
        at->second.end = next->second.end;
        books_.erase(next);
    }
    if (at == books_.begin())
        return;
    auto before = std::prev(at);
    if (before->second.end == base && before->second.state == state) {
        before->second.end = at->second.end;
        books_.erase(at);
    }
}

bool FakePages::all_locked(uintptr_t base, size_t size, State state, State other) {
    const uintptr_t end = base + size;
    auto at = books_.upper_bound(base);
    if (at == books_.begin())
        return false;
    for (at = std::prev(at); base < end; ++at) {
        if (at == books_.end() || at->first > base || at->second.end <= base)
            return false;
        if (at->second.state != state && at->second.state != other)
            return false;
        base = at->second.end;
    }
    return true;
}

void FakePages::expect_locked(const char* call, uintptr_t base, size_t size, State state,
                              State other) {
    EXPECT_NE(size, 0U) << call;
    EXPECT_TRUE(base::is_aligned(base | size, os::page_size())) << call << " of an unaligned range";
    EXPECT_TRUE(all_locked(base, size, state, other))
        << call << " of " << base::pointer_at(base) << " + " << size
        << ", which is in no state for it";
}

void* FakePages::reserve(void* hint, size_t size) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(base::is_aligned(base::address_of(hint) | size, os::page_size())) << "reserve";
    if (refuses_locked(PageCall::reserve))
        return nullptr;
    const uintptr_t bottom = space_ + 2 * kChunkSize;
    if (lowest_ < bottom || lowest_ - bottom < size)
        return nullptr;
    uintptr_t base = lowest_ - size;
    if (hint != nullptr) {
        const uintptr_t wanted = base::address_of(hint);
        const bool is_free = wanted >= bottom && wanted + size <= lowest_;
        // Now and then something else has the place: a page lies in the way.
        base = is_free && ++hints_ % 3 != 0 ? wanted : base - os::page_size();
    }
    lowest_ = base;
    note_locked(base, size, State::reserved);
    return base::pointer_at(base);
}

bool FakePages::release(void* address, size_t size) {
    const std::lock_guard lock(mutex_);
    expect_locked("release", base::address_of(address), size, State::reserved, State::committed);
    if (refuses_locked(PageCall::release))
        return false;
    note_locked(base::address_of(address), size, State::released);
    if (base::address_of(address) == lowest_)
        lowest_ += size;
    return kernel().decommit(kernel().self, address, size);
}

bool FakePages::commit(void* address, size_t size) {
    const std::lock_guard lock(mutex_);
    expect_locked("commit", base::address_of(address), size, State::reserved, State::committed);
    if (refuses_locked(PageCall::commit))
        return false;
    note_locked(base::address_of(address), size, State::committed);
    return kernel().commit(kernel().self, address, size);
}

bool FakePages::decommit(void* address, size_t size) {
    const std::lock_guard lock(mutex_);
    expect_locked("decommit", base::address_of(address), size, State::committed, State::committed);
    if (refuses_locked(PageCall::decommit))
        return false;
    note_locked(base::address_of(address), size, State::reserved);
    return kernel().decommit(kernel().self, address, size);
}

bool FakePages::purge_lazy(void* address, size_t size) {
    const std::lock_guard lock(mutex_);
    expect_locked("purge_lazy", base::address_of(address), size, State::committed,
                  State::committed);
    if (refuses_locked(PageCall::purge_lazy))
        return false;
    if (lazy_purge_ == LazyPurge::zeroes)
        return kernel().purge_forced(kernel().self, address, size);
    if (lazy_purge_ == LazyPurge::zeroes_every_other_page) {
        const size_t page = os::page_size();
        for (size_t at = 0; at < size; at += 2 * page)
            std::memset(static_cast<char*>(address) + at, 0, page);
    }
    return true;
}

bool FakePages::purge_forced(void* address, size_t size) {
    const std::lock_guard lock(mutex_);
    expect_locked("purge_forced", base::address_of(address), size, State::committed,
                  State::committed);
    if (refuses_locked(PageCall::purge_forced))
        return false;
    return kernel().purge_forced(kernel().self, address, size);
}

bool FakePages::move(void* from, void* to, size_t size) {
    const std::lock_guard lock(mutex_);
    expect_locked("move from", base::address_of(from), size, State::committed, State::committed);
    expect_locked("move to", base::address_of(to), size, State::committed, State::committed);
    if (refuses_locked(PageCall::move)) {
        std::memset(to, 0, size);  // the contract lets a refused move do that
        return false;
    }
    return kernel().move(kernel().self, from, to, size);
}

void* FakePages::map(size_t size) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(size != 0 && base::is_aligned(size, os::page_size())) << "map";
    if (refuses_locked(PageCall::map))
        return nullptr;
    void* const memory = kernel().map(kernel().self, size);
    if (memory != nullptr)
        note_locked(base::address_of(memory), size, State::mapped);
    return memory;
}

void mark(uintptr_t base, size_t size) { std::memset(base::pointer_at(base), kMark, size); }

bool holds(uintptr_t base, size_t size, unsigned char value) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(base::pointer_at(base));
    return size == 0 || (bytes[0] == value && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

}  // namespace granary::core::tests
