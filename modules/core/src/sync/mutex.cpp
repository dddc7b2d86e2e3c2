// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mutex.cpp — the contended path, and the debug witness of the rank order.
#include "sync/mutex.hpp"

#include <array>

#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>
#include <granary/os/clock.hpp>
#include <granary/os/cpu.hpp>
#include <granary/os/futex.hpp>
#include <granary/os/thread.hpp>

namespace granary::core {

namespace {

/// Spins before sleeping: about two uncontended hand-overs. Negative: never sleep.
constinit std::atomic<int64_t> g_spins{100};

constinit std::atomic<uint32_t> g_forking_thread{0};

constinit std::atomic<uint16_t> g_contentions{0};

/// Writes the greater of the two; contended writers retry.
template <typename T>
void raise_to(std::atomic<T>& most, T value) noexcept {
    T seen = most.load(std::memory_order_relaxed);
    while (seen < value &&
           !most.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
}

}  // namespace

/// Counters of one lock that was fought for (M3). All relaxed: each stands for itself.
struct Mutex::Contention {
    std::atomic<uint64_t> waited{0};
    std::atomic<uint64_t> spun{0};
    std::atomic<uint64_t> total_wait_ns{0};
    std::atomic<uint64_t> longest_wait_ns{0};
    std::atomic<uint32_t> waiting{0};
    std::atomic<uint32_t> most_waiting{0};

    static constinit std::array<Contention, kContentions> all;
};
constinit std::array<Mutex::Contention, Mutex::kContentions> Mutex::Contention::all{};

Mutex::Contention* Mutex::contention() const noexcept {
    const uint16_t number = contention_.load(std::memory_order_relaxed);
    return number == 0 ? nullptr : &Contention::all[number - 1U];
}

/// The lock's record, made now if need be; nullptr if there are none left (M3).
Mutex::Contention* Mutex::make_contention() noexcept {
    if (Contention* record = contention())
        return record;
    uint16_t used = g_contentions.load(std::memory_order_relaxed);
    do {
        if (used == kContentions)
            return nullptr;
    } while (!g_contentions.compare_exchange_weak(used, static_cast<uint16_t>(used + 1),
                                                  std::memory_order_relaxed));
    // Two who fight for the lock may each take a record; the first one counts.
    uint16_t none = 0;
    contention_.compare_exchange_strong(none, static_cast<uint16_t>(used + 1),
                                        std::memory_order_relaxed);
    return contention();
}

void set_forking_thread(bool forking) noexcept {
    // ORDER: relaxed; only the forking thread compares it with its own id.
    g_forking_thread.store(forking ? os::thread_id() : 0, std::memory_order_relaxed);
}

bool is_forking_thread() noexcept {
    const uint32_t forking = g_forking_thread.load(std::memory_order_relaxed);
    return GRANARY_UNLIKELY(forking != 0) && forking == os::thread_id();
}

void set_lock_spins(int64_t spins) noexcept { g_spins.store(spins, std::memory_order_relaxed); }

bool Mutex::lock_contended() noexcept {
    if (is_forking_thread())
        return false;
    const int64_t spins = g_spins.load(std::memory_order_relaxed);
    for (int64_t i = 0; spins < 0 || i < spins; ++i) {
        os::cpu_relax();
        if (word_.load(std::memory_order_relaxed) == 0 && try_lock()) {
            if (Contention* record = make_contention())
                record->spun.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
    }
    sleep(make_contention());
    count_acquired();
    note_acquired();
    return true;
}

void Mutex::sleep(Contention* record) noexcept {
    uint64_t since = 0;
    if (record != nullptr) {
        since = os::now_ns();
        raise_to(record->most_waiting,
                 record->waiting.fetch_add(1, std::memory_order_relaxed) + 1);
    }
    // ORDER: acquire, pairs with the release in unlock(); 2 makes that unlock wake us (M1).
    while (word_.exchange(2, std::memory_order_acquire) != 0) os::futex_wait(word_, 2);
    if (record == nullptr)
        return;
    const uint64_t waited = os::now_ns() - since;
    record->waiting.fetch_sub(1, std::memory_order_relaxed);
    record->waited.fetch_add(1, std::memory_order_relaxed);
    record->total_wait_ns.fetch_add(waited, std::memory_order_relaxed);
    raise_to(record->longest_wait_ns, waited);
}

void Mutex::reset_after_fork() noexcept {
    word_.store(0, std::memory_order_relaxed);
    if (Contention* record = contention())
        record->waiting.store(0, std::memory_order_relaxed);
}

LockSnapshot Mutex::counters() const noexcept {
    LockSnapshot out;
    out.acquired = acquired_.load(std::memory_order_relaxed);
    if (const Contention* record = contention()) {
        out.waited = record->waited.load(std::memory_order_relaxed);
        out.spun = record->spun.load(std::memory_order_relaxed);
        out.total_wait_ns = record->total_wait_ns.load(std::memory_order_relaxed);
        out.longest_wait_ns = record->longest_wait_ns.load(std::memory_order_relaxed);
        out.most_waiting = record->most_waiting.load(std::memory_order_relaxed);
    }
    return out;
}

void Mutex::reset_counters() noexcept {
    acquired_.store(0, std::memory_order_relaxed);
    if (Contention* record = contention()) {
        record->waited.store(0, std::memory_order_relaxed);
        record->spun.store(0, std::memory_order_relaxed);
        record->total_wait_ns.store(0, std::memory_order_relaxed);
        record->longest_wait_ns.store(0, std::memory_order_relaxed);
        record->most_waiting.store(0, std::memory_order_relaxed);
    }
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
