// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extended_test.cpp — the *allocx functions as a C program sees them: flags, null pointers, errno.
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

constexpr int kErrnoMark = 4711;
/// Not known to the compiler, which would rightly complain.
const volatile size_t kTooLarge = SIZE_MAX;

/// Every test: errno is never touched.
class Allocx : public testing::Test {
protected:
    void SetUp() override { errno = kErrnoMark; }
    void TearDown() override { EXPECT_EQ(errno, kErrnoMark); }
};

bool all_zero(const void* pointer, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(pointer);
    return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

size_t address(const void* pointer) { return reinterpret_cast<size_t>(pointer); }

std::vector<size_t> sizes() {
    std::vector<size_t> result;
    for (size_t size = 0; size <= 300; ++size) result.push_back(size);
    for (size_t size = 512; size <= 6 << 20; size *= 2) {
        for (const size_t delta : {size_t{0}, size_t{1}, size / 3}) result.push_back(size + delta - 1);
    }
    return result;
}

TEST_F(Allocx, NallocxIsWhatMallocxGives) {
    for (const int base :
         {0, GRANARY_MALLOCX_TCACHE_NONE, GRANARY_MALLOCX_ARENA(0),
          GRANARY_MALLOCX_ZERO | GRANARY_MALLOCX_TCACHE_NONE | GRANARY_MALLOCX_ARENA(0)}) {
        for (int lg_align = 0; lg_align <= 16; lg_align += 2) {
            const int flags = base | GRANARY_MALLOCX_LG_ALIGN(lg_align);
            for (const size_t size : sizes()) {
                void* const pointer = granary_mallocx(size, flags);
                ASSERT_NE(pointer, nullptr);
                ASSERT_EQ(address(pointer) & ((size_t{1} << lg_align) - 1), 0U);
                const size_t usable = granary_nallocx(size, flags);
                ASSERT_EQ(granary_sallocx(pointer, flags), usable) << size << " " << lg_align;
                ASSERT_GE(usable, size);
                if ((flags & GRANARY_MALLOCX_ZERO) != 0) {
                    ASSERT_TRUE(all_zero(pointer, usable));
                }
                std::memset(pointer, 0x5a, size);
                granary_sdallocx(pointer, size % 2 == 0 ? size : usable, flags);
            }
        }
    }
}

TEST_F(Allocx, LimitsAreOutOfMemory) {
    EXPECT_EQ(granary_mallocx(kTooLarge, 0), nullptr);
    EXPECT_EQ(granary_mallocx(kTooLarge / 2 + 1, GRANARY_MALLOCX_ZERO), nullptr);
    EXPECT_EQ(granary_nallocx(SIZE_MAX, 0), 0U);
    EXPECT_EQ(granary_nallocx(1, GRANARY_MALLOCX_LG_ALIGN(63)), 0U);
    EXPECT_EQ(granary_mallocx(1, GRANARY_MALLOCX_LG_ALIGN(63)), nullptr);
    EXPECT_EQ(granary_mallocx(1, GRANARY_MALLOCX_ARENA(4094)), nullptr) << "no such arena";
    const granary_smallocx_return_t none = granary_smallocx(SIZE_MAX, 0);
    EXPECT_EQ(none.ptr, nullptr);
    EXPECT_EQ(none.size, 0U);
}

TEST_F(Allocx, NullIsHarmless) {
    granary_dallocx(nullptr, 0);
    granary_dallocx(nullptr, GRANARY_MALLOCX_TCACHE_NONE);
    granary_sdallocx(nullptr, 100, 0);
    EXPECT_EQ(granary_sallocx(nullptr, 0), 0U);
    EXPECT_EQ(granary_xallocx(nullptr, 1, 1, 0), 0U);
    void* const pointer = granary_rallocx(nullptr, 100, GRANARY_MALLOCX_ZERO);
    ASSERT_NE(pointer, nullptr);
    EXPECT_TRUE(all_zero(pointer, granary_sallocx(pointer, 0)));
    granary_dallocx(pointer, GRANARY_MALLOCX_TCACHE_NONE);
}

TEST_F(Allocx, NothingStillHasAnAddress) {
    void* const first = granary_mallocx(0, 0);
    void* const second = granary_mallocx(0, GRANARY_MALLOCX_TCACHE_NONE);
    ASSERT_NE(first, nullptr);
    EXPECT_NE(first, second);
    void* const third = granary_rallocx(first, 0, 0);
    ASSERT_NE(third, nullptr);
    EXPECT_EQ(granary_sallocx(third, 0), granary_nallocx(0, 0));
    granary_sdallocx(third, 0, 0);
    granary_sdallocx(second, 0, GRANARY_MALLOCX_TCACHE_NONE);
}

TEST_F(Allocx, RallocxKeepsContentsAndZeroesTheRest) {
    for (const int flags : {GRANARY_MALLOCX_ZERO, GRANARY_MALLOCX_ZERO | GRANARY_MALLOCX_TCACHE_NONE,
                            GRANARY_MALLOCX_ZERO | GRANARY_MALLOCX_ALIGN(64)}) {
        void* pointer = granary_mallocx(1, flags);
        size_t usable = granary_sallocx(pointer, 0);
        std::memset(pointer, 0x5a, usable);
        for (size_t size = 2; size < 20 << 20; size = size * 5 / 3 + 1) {
            pointer = granary_rallocx(pointer, size, flags);
            ASSERT_NE(pointer, nullptr);
            const size_t now = granary_sallocx(pointer, 0);
            ASSERT_EQ(now, granary_nallocx(size, flags));
            const auto* bytes = static_cast<const unsigned char*>(pointer);
            ASSERT_EQ(bytes[0], 0x5a);
            ASSERT_EQ(bytes[usable - 1], 0x5a);
            ASSERT_TRUE(all_zero(bytes + usable, now - usable)) << size;
            std::memset(pointer, 0x5a, now);
            usable = now;
        }
        EXPECT_EQ(granary_rallocx(pointer, kTooLarge, flags), nullptr);
        EXPECT_EQ(static_cast<unsigned char*>(pointer)[usable - 1], 0x5a);
        granary_dallocx(pointer, flags);
    }
}

TEST_F(Allocx, XallocxStaysWhereItIs) {
    void* const pointer = granary_mallocx(200'000, 0);
    const size_t usable = granary_sallocx(pointer, 0);
    EXPECT_EQ(granary_xallocx(pointer, 100'000, 0, 0), granary_nallocx(100'000, 0));
    EXPECT_EQ(granary_xallocx(pointer, 1, 0, 0), granary_nallocx(100'000, 0));
    EXPECT_EQ(granary_xallocx(pointer, 150'000, 50'000, 0), usable);
    EXPECT_EQ(granary_xallocx(pointer, SIZE_MAX, SIZE_MAX, 0), usable);
    granary_sdallocx(pointer, 200'000, 0);
}

TEST_F(Allocx, SmallocxReturnsTheSizeToo) {
    for (const size_t size : sizes()) {
        const granary_smallocx_return_t got = granary_smallocx(size, GRANARY_MALLOCX_ALIGN(32));
        ASSERT_EQ(got.size, granary_sallocx(got.ptr, 0));
        granary_dallocx(got.ptr, 0);
    }
}

TEST_F(Allocx, BatchesAreRegionsLikeOthers) {
    std::vector<void*> out(300);
    for (const int flags : {0, GRANARY_MALLOCX_ZERO, GRANARY_MALLOCX_TCACHE_NONE,
                            GRANARY_MALLOCX_ALIGN(128) | GRANARY_MALLOCX_ARENA(0)}) {
        ASSERT_EQ(granary_alloc_batch(100, flags, out.data(), out.size()), out.size());
        for (void* pointer : out)
            ASSERT_EQ(granary_sallocx(pointer, 0), granary_nallocx(100, flags));
        granary_dallocx(out.back(), flags);
        out.back() = nullptr;
        granary_free_batch(out.data(), out.size());
    }
    EXPECT_EQ(granary_alloc_batch(kTooLarge, 0, out.data(), out.size()), 0U);
    EXPECT_EQ(granary_get_defrag_hint(&out), 0);
    EXPECT_EQ(granary_get_defrag_hint(nullptr), 0);
}

TEST(WithUsize, SizesAreTheUsableOnes) {
    for (const size_t size : sizes()) {
        size_t usable = 1;
        void* pointer = granary_malloc_with_usize(size, &usable);
        ASSERT_EQ(usable, granary_malloc_usable_size(pointer)) << size;
        size_t old_usable = 1;
        size_t new_usable = 1;
        pointer = granary_realloc_with_usize(pointer, size + 100, &old_usable, &new_usable);
        ASSERT_EQ(old_usable, usable);
        ASSERT_EQ(new_usable, granary_malloc_usable_size(pointer));
        size_t freed = 1;
        granary_free_with_usize(pointer, &freed);
        ASSERT_EQ(freed, new_usable);
        pointer = granary_calloc_with_usize(size, 3, &usable);
        ASSERT_EQ(usable, granary_malloc_usable_size(pointer)) << size;
        ASSERT_TRUE(all_zero(pointer, usable));
        granary_free_with_usize(pointer, nullptr);
    }
}

TEST(WithUsize, NullPointersAndFailuresAreHarmless) {
    size_t usable = 1;
    granary_free_with_usize(nullptr, &usable);
    EXPECT_EQ(usable, 0U);
    granary_free_with_usize(nullptr, nullptr);
    errno = 0;
    usable = 1;
    EXPECT_EQ(granary_malloc_with_usize(kTooLarge, &usable), nullptr);
    EXPECT_EQ(usable, 0U);
    EXPECT_EQ(errno, ENOMEM);
    usable = 1;
    EXPECT_EQ(granary_calloc_with_usize(kTooLarge / 2, 3, &usable), nullptr);
    EXPECT_EQ(usable, 0U);
    size_t old_usable = 1;
    void* pointer = granary_realloc_with_usize(nullptr, 100, &old_usable, nullptr);
    EXPECT_EQ(old_usable, 0U);
    EXPECT_EQ(granary_realloc_with_usize(pointer, kTooLarge, &old_usable, &usable), nullptr);
    EXPECT_EQ(old_usable, granary_malloc_usable_size(pointer));
    EXPECT_EQ(usable, 0U);
    pointer = granary_realloc_with_usize(pointer, 0, &old_usable, &usable);
    EXPECT_EQ(pointer, nullptr) << "size 0 frees";
    EXPECT_EQ(usable, 0U);
}

}  // namespace
