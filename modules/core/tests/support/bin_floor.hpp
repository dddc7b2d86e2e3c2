// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bin_floor.hpp — a bin over the pages of a test, without the arena that usually feeds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "arena/bin.hpp"
#include "arena/run.hpp"
#include "page/page_allocator.hpp"
#include "support/page_floor.hpp"

namespace granary::core::tests {

class BinFloor : public PageFloor {
public:
    explicit BinFloor(unsigned class_index) : size_class(class_index) {
        pages.set_decay(-1, 0, 0);
        bin.bind(class_index, detail::owner_key(kTestArena));
    }

    /// A run that the page map knows and the bin does not.
    Extent* make_run() {
        const size_t count = shape().run_pages;
        Extent* const run = pages.allocate(count, 1, nullptr, Growth::allowed);
        EXPECT_NE(run, nullptr);
        PageMap::set_run(run, detail::owner_key(kTestArena), size_class);
        return run;
    }

    /// Gives the pages of emptied runs back, as an arena does.
    size_t drop(ExtentList& released) {
        size_t dropped = 0;
        while (Extent* run = released.pop_front()) {
            PageMap::retire_run(run->base, shape().run_pages, detail::owner_key(kTestArena),
                                size_class);
            pages.release(run, run::touched_pages(*run));
            ++dropped;
        }
        return dropped;
    }

    Magazine* empty_magazine() {
        Magazine* const magazine = magazines.take(metadata);
        EXPECT_NE(magazine, nullptr);
        magazine->dedicate(kTestArena, size_class);
        return magazine;
    }

    /// A magazine with regions, making runs as needed.
    Magazine* refill() {
        Magazine* const empty = empty_magazine();
        for (;;) {
            Magazine* const filled = bin.refill(empty);
            if (filled == nullptr) {
                EXPECT_TRUE(bin.adopt(make_run()));
                continue;
            }
            if (filled != empty)
                magazines.give(empty);
            return filled;
        }
    }

    /// `count` regions, one by one.
    std::vector<void*> take(size_t count) {
        std::vector<void*> regions;
        while (regions.size() < count) {
            if (void* region = bin.take_one()) {
                regions.push_back(region);
            } else {
                EXPECT_TRUE(bin.adopt(make_run()));
            }
        }
        return regions;
    }

    /// A magazine that holds these regions, the last one on top.
    Magazine* pack(const std::vector<void*>& regions) {
        Magazine* const magazine = empty_magazine();
        EXPECT_LE(regions.size(), shape().magazine_capacity);
        for (size_t i = 0; i < regions.size(); ++i) magazine->first()[i] = regions[i];
        magazine->set_size(static_cast<uint32_t>(regions.size()));
        return magazine;
    }

    /// Returns regions to their runs; how many runs were released.
    size_t give(const std::vector<void*>& regions) {
        ExtentList released;
        for (void* region : regions) bin.give_one(region, released);
        return drop(released);
    }

    [[nodiscard]] const SizeClass& shape() const { return kSizeClasses[size_class]; }

    const unsigned size_class;
    PageAllocator pages{source, metadata, kTestArena};
    Bin bin;
};

/// The abort line of a misuse with its exact address, as a regular expression for EXPECT_DEATH.
inline std::string misuse_line(const std::string& call, const void* pointer,
                               const std::string& rest) {
    char address[32];
    std::snprintf(address, sizeof address, "%p", pointer);
    return "^<granary>: " + call + " of " + address + rest + "\n$";
}
inline std::string double_free_line(const void* pointer, size_t bytes) {
    return misuse_line("double free", pointer, " \\(size class " + std::to_string(bytes) + "\\)");
}

}  // namespace granary::core::tests
