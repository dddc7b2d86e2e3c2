// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stress.hpp — threads against the clock, with a stamp of its owner in every region.
//
// Role        What the stress tests share. They prove nothing by their results alone: they put the
//             allocator's rarest paths under ThreadSanitizer and AddressSanitizer. Each runs for
//             GRANARY_STRESS_SECONDS (2 by default) and ends with totals that must be exact.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "../support/abi.hpp"
#include "../support/model_heap.hpp"
#include "../support/rng.hpp"

namespace granary::tests {

/// Tells threads when the time is over.
class StressClock {
public:
    StressClock()
        : end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(budget_ms())) {}

    [[nodiscard]] bool running() const { return std::chrono::steady_clock::now() < end_; }

private:
    static long budget_ms() {
        const char* const text = std::getenv("GRANARY_STRESS_SECONDS");
        const double seconds = text != nullptr ? std::strtod(text, nullptr) : 2;
        return static_cast<long>(seconds * 1000);
    }

    std::chrono::steady_clock::time_point end_;
};

/// Allocates and stamps.
inline Region make_region(const Abi& abi, size_t size, uint64_t stamp) {
    Region region;
    void* const pointer = abi.malloc(size);
    if (pointer == nullptr)
        diverged("malloc(%zu) failed", size);
    region.address = reinterpret_cast<uintptr_t>(pointer);
    region.requested = size;
    region.usable = abi.malloc_usable_size(pointer);
    region.stamp = stamp;
    write_stamp(region);
    return region;
}

/// Verifies the stamp and frees.
inline void end_region(const Abi& abi, const Region& region) {
    check_stamp(region, region.bytes(), region.usable, "before free");
    abi.free(region.pointer());
}

/// Runs `work(number)` on `count` threads, each flushing its cache at its end.
inline void run_threads(const Abi& abi, unsigned count, const std::function<void(unsigned)>& work) {
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < count; ++number) {
        threads.emplace_back([&, number] {
            work(number);
            flush_thread_cache(abi);
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace granary::tests
