// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// block_counts.hpp — how many large regions and huge blocks an arena has made and lost, by class.
//
// Role        The arena's books for what is larger than a run's regions. A huge block's descriptor
//             leads to them, so that whoever gives the block back can write it off.
// Locking     None: each number is exact, and they agree when nobody is inside the allocator.
// Cost        Three atomic additions for a huge block made or freed, one for a large region.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "granary/core/large_class.hpp"

namespace granary::core {

class BlockCounts {
public:
    /// Large regions and huge blocks of one class: ever made, ever freed.
    struct Class {
        std::atomic<uint64_t> made{0};
        std::atomic<uint64_t> freed{0};
        [[nodiscard]] uint64_t live() const noexcept {
            const uint64_t gone = freed.load(std::memory_order_relaxed);
            return made.load(std::memory_order_relaxed) - gone;
        }
    };

    void count_made(size_t bytes) noexcept {
        classes_[large_class_of(bytes)].made.fetch_add(1, std::memory_order_relaxed);
    }
    void count_freed(size_t bytes) noexcept {
        classes_[large_class_of(bytes)].freed.fetch_add(1, std::memory_order_relaxed);
    }
    /// A huge block was made (from 0), freed (to 0) or resized.
    void count_huge(size_t old_bytes, size_t new_bytes) noexcept {
        if (new_bytes != 0)
            count_made(new_bytes);
        if (old_bytes != 0)
            count_freed(old_bytes);
        // A resized block is one before and after.
        if (old_bytes == 0)
            huge_live_.fetch_add(1, std::memory_order_relaxed);
        else if (new_bytes == 0)
            huge_live_.fetch_sub(1, std::memory_order_relaxed);
        huge_bytes_.fetch_add(new_bytes - old_bytes, std::memory_order_relaxed);
    }
    /// All that was made is free at once.
    void forget() noexcept {
        for (Class& one : classes_)
            one.freed.store(one.made.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    [[nodiscard]] const Class& of_class(size_t large_class) const noexcept {
        return classes_[large_class];
    }
    /// Usable bytes of huge blocks.
    [[nodiscard]] size_t huge_bytes() const noexcept {
        return huge_bytes_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] size_t huge_live() const noexcept {
        return huge_live_.load(std::memory_order_relaxed);
    }
    /// Large regions.
    [[nodiscard]] size_t large_live() const noexcept {
        size_t live = 0;
        for (const Class& one : classes_) live += one.live();
        const size_t huge = huge_live();
        return live > huge ? live - huge : 0;
    }

private:
    std::array<Class, kLargeClassCount> classes_{};
    std::atomic<size_t> huge_bytes_{0};
    std::atomic<size_t> huge_live_{0};
};

}  // namespace granary::core
