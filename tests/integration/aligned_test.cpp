// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// aligned_test.cpp — what the aligned functions promise, for every alignment.
//
// Role        As contract_test.cpp, of which it is a part.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "contract.hpp"

namespace granary::tests {
namespace {

TEST(AlignedAlloc, HonoursEveryPowerOfTwo) {
    for (size_t alignment = 1; alignment <= size_t{1} << 30; alignment *= 2) {
        for (const size_t size :
             {size_t{0}, size_t{1}, alignment - 1, alignment, alignment + 1, size_t{5000}}) {
            if (size > size_t{64} << 20)
                continue;
            errno = kUntouched;
            void* const region = abi.aligned_alloc(alignment, size);
            ASSERT_NE(region, nullptr) << alignment << ", " << size;
            EXPECT_TRUE(errno == kUntouched || !is_granary(abi)) << alignment << ", " << size;
            EXPECT_TRUE(is_aligned(region, alignment)) << alignment << ", " << size;
            EXPECT_GE(abi.malloc_usable_size(region), size);
            std::memset(region, 1, size);
            abi.free(region);
        }
    }
}

TEST(AlignedAlloc, ThatIsImpossibleIsEnomem) {
    for (size_t alignment = 1; alignment != 0; alignment *= 2) {
        for (const size_t size : kImpossibleSizes) {
            errno = 0;
            EXPECT_EQ(abi.aligned_alloc(alignment, size), nullptr) << alignment << ", " << size;
            EXPECT_TRUE(errno == ENOMEM || (!is_granary(abi) && errno == EINVAL))
                << alignment << ", " << size;
        }
    }
    errno = 0;
    EXPECT_EQ(abi.aligned_alloc(size_t{1} << 63, 16), nullptr);
    EXPECT_TRUE(errno == ENOMEM || !is_granary(abi));
    errno = 0;
    EXPECT_EQ(abi.aligned_alloc(size_t{1} << 60, 16), nullptr);
    EXPECT_EQ(errno, ENOMEM);
}

TEST(AlignedAlloc, RefusesWhatIsNotAPowerOfTwo) {
    if (!is_granary(abi))
        GTEST_SKIP() << "needs granary: glibc before 2.38 rounds the alignment up";
    for (const size_t alignment :
         {size_t{0}, size_t{3}, size_t{24}, size_t{100}, (size_t{1} << 40) + 1, SIZE_MAX}) {
        errno = 0;
        EXPECT_EQ(abi.aligned_alloc(alignment, 100), nullptr) << alignment;
        EXPECT_EQ(errno, EINVAL) << alignment;
        errno = 0;
        EXPECT_EQ(abi.memalign(alignment, 100), nullptr) << alignment;
        EXPECT_EQ(errno, EINVAL) << alignment;
    }
}

TEST(PosixMemalign, ReturnsItsErrorsAndLeavesErrnoAndThePointerAlone) {
    int sentinel = 0;
    void* const before = &sentinel;
    for (const size_t alignment :
         {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{12}, size_t{24}, SIZE_MAX}) {
        void* region = before;
        errno = kUntouched;
        EXPECT_EQ(abi.posix_memalign(&region, alignment, 100), EINVAL) << alignment;
        EXPECT_EQ(region, before);
        EXPECT_EQ(errno, kUntouched);
    }
    for (const size_t size : kImpossibleSizes) {
        void* region = before;
        errno = kUntouched;
        EXPECT_EQ(abi.posix_memalign(&region, 64, size), ENOMEM) << size;
        EXPECT_EQ(region, before);
        EXPECT_TRUE(errno == kUntouched || !is_granary(abi));
    }
    for (size_t alignment = sizeof(void*); alignment <= size_t{1} << 26; alignment *= 2) {
        void* region = before;
        ASSERT_EQ(abi.posix_memalign(&region, alignment, 100), 0) << alignment;
        EXPECT_TRUE(is_aligned(region, alignment));
        abi.free(region);
    }
}

TEST(Valloc, GivesWholePagesWherePvallocDoes) {
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{4095}, size_t{4096}, size_t{4097}, size_t{1} << 21}) {
        void* const aligned = abi.valloc(size);
        ASSERT_NE(aligned, nullptr);
        EXPECT_TRUE(is_aligned(aligned, 4096));
        void* const pages = abi.pvalloc(size);
        ASSERT_NE(pages, nullptr);
        EXPECT_TRUE(is_aligned(pages, 4096));
        EXPECT_GE(abi.malloc_usable_size(pages),
                  (std::max(size, size_t{is_granary(abi)}) + 4095) / 4096 * 4096);
        abi.free(aligned);
        abi.free(pages);
    }
    for (const size_t size : kImpossibleSizes) {
        errno = 0;
        EXPECT_EQ(abi.valloc(size), nullptr) << size;
        EXPECT_EQ(errno, ENOMEM) << size;
        errno = 0;
        EXPECT_EQ(abi.pvalloc(size), nullptr) << size;
        EXPECT_EQ(errno, ENOMEM) << size;
    }
}

}  // namespace
}  // namespace granary::tests
