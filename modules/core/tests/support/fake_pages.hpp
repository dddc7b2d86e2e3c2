// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fake_pages.hpp — os::PageOps over real memory that keeps books, finds misuse and fails on demand.
//
// Role        The floor under tests of meta/, page/ and arena/.
// Owns        Address space of its own, kSpace bytes, so that nobody else's chunks are neighbours;
//             books_: the state of every page that was ever reserved or mapped through it.
// Invariants  F1  what map() gave stays mapped even when the fake is gone: the leaves of the
//                 process's page map are among it.
//             F2  a call that breaks the contract of pages.hpp is a test failure: release or purge
//                 of what is not there, commit of what is not reserved, unaligned ranges.
//             F3  memory that is not committed cannot be touched (PROT_NONE).
// Locking     mutex_; calls may come from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include <granary/os/pages.hpp>

namespace granary::core::tests {

enum class PageCall : uint8_t {
    reserve,
    release,
    commit,
    decommit,
    purge_lazy,
    purge_forced,
    hint_huge,
    move,
    map
};
inline constexpr size_t kPageCalls = 9;
[[nodiscard]] const char* name_of(PageCall call);

/// What purge_lazy leaves behind; the contract allows each of these.
enum class LazyPurge : uint8_t { keeps, zeroes, zeroes_every_other_page };

class FakePages {
public:
    FakePages();
    FakePages(const FakePages&) = delete;
    FakePages& operator=(const FakePages&) = delete;
    ~FakePages();

    [[nodiscard]] const os::PageOps& ops() const { return ops_; }

    /// The next `n` calls of this kind succeed, then `times` of them fail.
    void fail_after(PageCall call, size_t n, size_t times = SIZE_MAX);
    /// Every call works again.
    void heal();

    /// Calls of this kind so far, failed ones included.
    [[nodiscard]] size_t calls(PageCall call);
    /// Calls that fail_after() made fail.
    [[nodiscard]] size_t failures();

    void set_lazy_purge(LazyPurge behaviour);

    [[nodiscard]] size_t reserved_bytes();  ///< not committed
    [[nodiscard]] size_t committed_bytes();
    [[nodiscard]] size_t mapped_bytes();  ///< by map()
    /// Calls visit(base, size) for every range that is reserved or committed.
    template <class Visit>
    void for_each_range(Visit visit) {
        const std::lock_guard lock(mutex_);
        for (const auto& [base, region] : books_) {
            if (region.state == State::reserved || region.state == State::committed)
                visit(base, region.end - base);
        }
    }
    /// True if every page of the range is committed.
    [[nodiscard]] bool is_committed(uintptr_t base, size_t size);

private:
    enum class State : uint8_t { reserved, committed, mapped, released };
    struct Region {
        uintptr_t end;
        State state;
    };
    struct Failing {
        size_t good = SIZE_MAX;
        size_t bad = 0;
    };
    using Books = std::map<uintptr_t, Region>;

    bool refuses_locked(PageCall call);
    void note_locked(uintptr_t base, size_t size, State state);
    bool all_locked(uintptr_t base, size_t size, State state, State other);
    void expect_locked(const char* call, uintptr_t base, size_t size, State state, State other);
    void split_locked(uintptr_t at);
    size_t sum_locked(State state);

    void* reserve(void* hint, size_t size);
    bool release(void* address, size_t size);
    bool commit(void* address, size_t size);
    bool decommit(void* address, size_t size);
    bool purge_lazy(void* address, size_t size);
    bool purge_forced(void* address, size_t size);
    bool move(void* from, void* to, size_t size);
    void* map(size_t size);

    static constexpr size_t kSpace = size_t{16} << 30;

    os::PageOps ops_{};
    uintptr_t space_ = 0;  // const after the constructor
    std::mutex mutex_;
    // Guarded by mutex_.
    Books books_;
    uintptr_t lowest_ = 0;  // reserved so far; like the kernel, it goes downwards
    size_t hints_ = 0;
    std::array<Failing, kPageCalls> failing_{};
    std::array<size_t, kPageCalls> calls_{};
    size_t failures_ = 0;
    LazyPurge lazy_purge_ = LazyPurge::keeps;
};

/// A byte value that is not zero, for marking memory.
inline constexpr unsigned char kMark = 0xa5;
/// Fills the range with kMark.
void mark(uintptr_t base, size_t size);
/// True if every byte of the range is `value`.
[[nodiscard]] bool holds(uintptr_t base, size_t size, unsigned char value);
[[nodiscard]] inline bool is_zero(uintptr_t base, size_t size) { return holds(base, size, 0); }

}  // namespace granary::core::tests
