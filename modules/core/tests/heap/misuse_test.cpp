// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// misuse_test.cpp — one line for each thing that a program must not do, exact to the character.
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/bits.hpp>

#include "support/bin_floor.hpp"
#include "support/heap_fixture.hpp"

namespace granary::core {
namespace {

using tests::double_free_line;
using tests::kMiB;
using tests::misuse_line;

class MisuseDeathTest : public tests::HeapFixture {
protected:
    static char* get(size_t size) { return static_cast<char*>(allocate(size)); }
    static std::string interior(size_t bytes) {
        return ", which is not the start of an allocation \\(interior pointer into a " +
               std::to_string(bytes) + "-byte region\\)";
    }
    static std::string already_free(size_t bytes) {
        return ", which is already free \\(size class " + std::to_string(bytes) + "\\)";
    }
};

TEST_F(MisuseDeathTest, ForeignPointersAreNamedByEveryCall) {
    int local = 0;
    const std::string rest = ", which granary does not own";
    for (void* const pointer :
         {static_cast<void*>(&local), static_cast<void*>(base::pointer_at(0x10)),
          static_cast<void*>(base::pointer_at(0xdeadbeefdeadbee0))}) {
        EXPECT_DEATH(deallocate(pointer), misuse_line("free", pointer, rest));
        EXPECT_DEATH(static_cast<void>(reallocate(pointer, 5)),
                     misuse_line("realloc", pointer, rest));
        EXPECT_DEATH(static_cast<void>(usable_size(pointer)),
                     misuse_line("malloc_usable_size", pointer, rest));
        EXPECT_DEATH(deallocate_sized(pointer, 16), misuse_line("sized free", pointer, rest));
        EXPECT_DEATH(deallocate_sized_aligned(pointer, 16, 16),
                     misuse_line("sized free", pointer, rest));
    }
}

TEST_F(MisuseDeathTest, InteriorPointersAreNamedWithTheirRegion) {
    for (const size_t size : {size_t{64}, size_t{4096}, size_t{100'000}, 3 * kMiB}) {
        char* const region = get(size);
        const size_t usable = usable_size(region);
        for (const size_t offset : {size_t{1}, size_t{16}, usable / 2, usable - 1}) {
            if (offset >= usable)
                continue;
            void* const inside = region + offset;
            EXPECT_DEATH(deallocate(inside), misuse_line("free", inside, interior(usable)));
            EXPECT_DEATH(static_cast<void>(reallocate(inside, 5)),
                         misuse_line("realloc", inside, interior(usable)));
            EXPECT_DEATH(static_cast<void>(usable_size(inside)),
                         misuse_line("malloc_usable_size", inside, interior(usable)));
        }
        deallocate(region);
    }
}

TEST_F(MisuseDeathTest, ASecondFreeInARowIsNamedForEveryPath) {
    for (const size_t size :
         {size_t{1}, size_t{64}, size_t{4096}, size_t{30'000}, size_t{100'000}, 3 * kMiB}) {
        char* const region = get(size);
        const size_t usable = usable_size(region);
        deallocate(region);
        EXPECT_DEATH(deallocate(region), double_free_line(region, usable));
        EXPECT_DEATH(deallocate_sized(region, size), double_free_line(region, usable));
    }
}

TEST_F(MisuseDeathTest, ASecondFreeOneFreeLaterIsNamed) {
    char* const region = get(64);
    char* const other = get(64);
    deallocate(region);
    deallocate(other);
    EXPECT_DEATH(deallocate(region), double_free_line(region, 64));
}

TEST_F(MisuseDeathTest, AnEarlierDoubleFreeIsNamedAtTheLatestByAPurge) {
    std::vector<char*> regions;
    for (int i = 0; i < 10; ++i) regions.push_back(get(64));
    for (char* region : regions) deallocate(region);
    EXPECT_DEATH(
        {
            deallocate(regions[2]);
            purge_all();
        },
        double_free_line(regions[2], 64));
}

TEST_F(MisuseDeathTest, UseOfAFreedLargeRegionIsNamedByItsCall) {
    for (const size_t size : {size_t{100'000}, 3 * kMiB}) {
        char* const region = get(size);
        const size_t usable = usable_size(region);
        deallocate(region);
        EXPECT_DEATH(static_cast<void>(reallocate(region, 5)),
                     misuse_line("realloc", region, already_free(usable)));
        EXPECT_DEATH(static_cast<void>(usable_size(region)),
                     misuse_line("malloc_usable_size", region, already_free(usable)));
    }
}

TEST_F(MisuseDeathTest, UseOfARegionWhoseRunIsGoneIsNamedByItsCall) {
    // Enough of one class for many runs; with all of them free, most runs go.
    std::vector<char*> regions;
    for (int i = 0; i < 500; ++i) regions.push_back(get(7000));
    char* const live = get(100'000);  // keeps the chunk
    for (char* region : regions) deallocate(region);
    flush_thread_cache();
    size_t gone = 0;
    for (char* region : regions) {
        if (detail::tag_code(detail::page_tag(base::address_of(region))) != detail::kFreedRun)
            continue;
        if (++gone > 3)
            break;
        EXPECT_DEATH(deallocate(region), double_free_line(region, 7168));
        EXPECT_DEATH(static_cast<void>(usable_size(region)),
                     misuse_line("malloc_usable_size", region, already_free(7168)));
    }
    EXPECT_GT(gone, 0U);
    deallocate(live);
}

TEST_F(MisuseDeathTest, ARegionThatWasNeverHandedOutIsNamedAtTheLatestByAPurge) {
    purge_all();
    char* const first = get(1024);  // the start of a fresh run
    char* const never = first + 14 * 1024;
    EXPECT_DEATH(
        {
            deallocate(never);
            purge_all();
        },
        misuse_line("free", never, ", which was never allocated \\(size class 1024\\)"));
    deallocate(first);
}

TEST_F(MisuseDeathTest, ASizedFreeWithAWrongSizeIsNamed) {
    const struct {
        size_t size, given;
    } cases[] = {{64, 65},       {64, 48},           {64, 100'000},
                 {100'000, 64},  {100'000, 200'000}, {3 * kMiB, 4 * kMiB},
                 {3 * kMiB, 100}};
    for (const auto& c : cases) {
        char* const region = get(c.size);
        const std::string line =
            misuse_line("sized free", region,
                        " with " + std::to_string(c.given) + " bytes, but its size class is " +
                            std::to_string(usable_size(region)));
        EXPECT_DEATH(deallocate_sized(region, c.given), line);
        deallocate(region);
    }
    void* const aligned = allocate_aligned(4096, 100);
    EXPECT_DEATH(deallocate_sized_aligned(aligned, 64, 100),
                 misuse_line("sized free", aligned,
                             " with 100 bytes, but its size class is " +
                                 std::to_string(usable_size(aligned))));
    deallocate(aligned);
}

TEST_F(MisuseDeathTest, ADoubleFreeByTwoThreadsIsNamedWhenTheOutboxReachesItsOwner) {
    char* const region = get(64);
    deallocate(region);
    EXPECT_DEATH(
        {
            std::thread([region] {
                static_cast<void>(allocate(1));  // a cache of its own
                deallocate(region);
                flush_thread_cache();
            }).join();
            purge_all();
        },
        double_free_line(region, 64));
}

}  // namespace
}  // namespace granary::core
