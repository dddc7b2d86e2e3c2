// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// counting_hooks.hpp — extent hooks over real memory that keep books and refuse on demand.
//
// Invariants  F1  every call names one whole extent, as alloc, split and merge left it, or a part of
//                 one; anything else is a test failure.
//             F2  what was given back is inaccessible: using it ends the test.
//             F3  uncommitted extents are inaccessible until they are committed.
// Locking     mutex_; calls may come from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "granary/core/extent_hooks.hpp"

namespace granary::core::tests {

enum class HookKind : uint8_t {
    alloc,
    dalloc,
    destroy,
    commit,
    decommit,
    purge_lazy,
    purge_forced,
    split,
    merge
};
inline constexpr size_t kHookKinds = 9;
[[nodiscard]] const char* name_of(HookKind kind);

class CountingHooks {
public:
    CountingHooks();
    CountingHooks(const CountingHooks&) = delete;
    CountingHooks& operator=(const CountingHooks&) = delete;
    ~CountingHooks();

    [[nodiscard]] ExtentHooks* table() { return &hooks_.table; }

    /// From now on calls of this kind are refused after `n` more.
    void refuse(HookKind kind, size_t n = 0);
    void allow(HookKind kind);
    /// Fresh extents come without a promise, dirty or uncommitted.
    void set_alloc(bool zeroed, bool committed);
    /// From now on alloc returns addresses with these low bits.
    void set_address_flags(uintptr_t flags);
    /// A hook allocates from granary itself each time it runs.
    void set_reentrant(bool reentrant);

    [[nodiscard]] size_t calls(HookKind kind);  ///< refused ones included
    [[nodiscard]] size_t extents();
    [[nodiscard]] size_t bytes();
    /// True if every byte of the range is in extents that are committed.
    [[nodiscard]] bool has(const void* address, size_t size);

private:
    struct Extent {
        size_t size;
        bool committed;
    };
    struct Table {
        ExtentHooks table;
        CountingHooks* self;
    };

    static CountingHooks& of(ExtentHooks* hooks);
    [[nodiscard]] bool refuses(HookKind kind);
    void expect_part(const void* address, size_t size, size_t offset, size_t length);
    bool on_part(HookKind kind, void* address, size_t size, size_t offset, size_t length);

    void* alloc(size_t size, size_t alignment, bool* zero, bool* commit);
    bool dalloc(void* address, size_t size, bool committed);
    bool split(void* address, size_t size, size_t first, size_t second, bool committed);
    bool merge(void* low, size_t low_size, void* high, size_t high_size, bool committed);
    void erase_locked(void* address, size_t size, bool committed, const char* call);

    Table hooks_;
    std::mutex mutex_;
    // Guarded by mutex_.
    std::map<uintptr_t, Extent> books_;
    std::array<size_t, kHookKinds> calls_{};
    std::array<size_t, kHookKinds> good_{};  ///< calls before refusals begin
    bool zeroed_ = true;
    bool committed_ = true;
    uintptr_t address_flags_ = 0;
    bool reentrant_ = false;
};

}  // namespace granary::core::tests
