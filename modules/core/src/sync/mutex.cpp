// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mutex.cpp — the contended path, and the debug witness of the rank order.
#include "sync/mutex.hpp"

#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>
#include <granary/os/cpu.hpp>
#include <granary/os/futex.hpp>
#include <granary/os/thread.hpp>

namespace granary::core {

namespace {

/// Spins before sleeping: about two uncontended hand-overs.
constexpr int kSpins = 100;

constinit std::atomic<uint32_t> g_forking_thread{0};

}  // namespace

void set_forking_thread(bool forking) noexcept {
    // ORDER: relaxed; only the forking thread compares it with its own id.
    g_forking_thread.store(forking ? os::thread_id() : 0, std::memory_order_relaxed);
}

bool Mutex::lock_contended() noexcept {
    const uint32_t forking = g_forking_thread.load(std::memory_order_relaxed);
    if (GRANARY_UNLIKELY(forking != 0) && forking == os::thread_id())
        return false;
    for (int i = 0; i < kSpins; ++i) {
        os::cpu_relax();
        if (word_.load(std::memory_order_relaxed) == 0 && try_lock())
            return true;
    }
    // ORDER: acquire, pairs with the release in unlock(); 2 makes that unlock wake us (M1).
    while (word_.exchange(2, std::memory_order_acquire) != 0) os::futex_wait(word_, 2);
    note_acquired();
    return true;
}

void Mutex::wake() noexcept { os::futex_wake(word_, 1); }

#if GRANARY_DEBUG

namespace {
// A count per rank: the same rank may be held several times (arenas by index, fork).
thread_local constinit uint16_t t_held[kLockRanks.size()] GRANARY_TLS_INITIAL_EXEC = {};
}  // namespace

void Mutex::note_acquired() const noexcept {
    for (size_t rank = static_cast<size_t>(rank_) + 1; rank < kLockRanks.size(); ++rank) {
        if (t_held[rank] == 0)
            continue;
        base::FixedString<128> line;
        line.append("lock order: ").append(kLockRanks[static_cast<size_t>(rank_)].name);
        line.append(" taken while holding ").append(kLockRanks[rank].name).append(" [M2]");
        base::panic(line.view());
    }
    ++t_held[static_cast<size_t>(rank_)];
}

void Mutex::note_released() const noexcept { --t_held[static_cast<size_t>(rank_)]; }

void forget_held_ranks() noexcept {
    for (auto& count : t_held) count = 0;
}

#else
void forget_held_ranks() noexcept {}
#endif

}  // namespace granary::core
