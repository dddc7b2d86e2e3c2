// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// contract_test.cpp — every allocating function with every odd size and alignment: result, errno,
//                     alignment, usable size, old contents.
//
// Source      C17 7.22.3, POSIX.1-2024, and the manual's rules for memalign, valloc, pvalloc.
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

constexpr int kErrnoMark = 4711;
constexpr size_t kMaxSize = PTRDIFF_MAX;
/// What a test machine surely has; between this and kMaxSize either outcome is right.
constexpr size_t kSurelyThere = size_t{1} << 26;
constexpr size_t kSurelyAlignable = size_t{1} << 24;

std::vector<size_t> odd_sizes() {
    std::vector<size_t> sizes{0, 1};
    for (const unsigned k : {2U, 4U, 6U, 10U, 12U, 14U, 15U, 16U, 20U, 21U, 23U}) {
        for (const size_t delta : {size_t{0}, size_t{1}, size_t{2}}) {
            sizes.push_back((size_t{1} << k) + delta - 1);
        }
    }
    for (const size_t size : {kMaxSize - 1, kMaxSize, kMaxSize + 1, SIZE_MAX / 2 + 4096}) {
        sizes.push_back(size);
    }
    for (const size_t below : {4096U, 4095U, 64U, 63U, 16U, 8U, 1U, 0U}) {
        sizes.push_back(SIZE_MAX - below);
    }
    return sizes;
}

std::vector<size_t> odd_alignments() {
    std::vector<size_t> alignments{0, 1, 2, 3, 4, 8, 16, 24, 48, 4095, SIZE_MAX};
    for (unsigned k = 5; k <= 46; ++k) alignments.push_back(size_t{1} << k);
    alignments.push_back(size_t{1} << 63);
    return alignments;
}

bool is_power_of_two(size_t value) { return std::has_single_bit(value); }

/// What one call may do.
struct Expected {
    int error;        ///< 0, ENOMEM or EINVAL
    bool may_refuse;  ///< a success that may also be ENOMEM
};

Expected expected_for(size_t size, size_t alignment, bool alignment_is_valid) {
    if (!alignment_is_valid)
        return {EINVAL, false};
    if (size > kMaxSize)
        return {ENOMEM, false};
    if (size >= kMaxSize - 1)
        return {ENOMEM, false};  // More than there are addresses.
    return {0, size > kSurelyThere || alignment > kSurelyAlignable};
}

/// Counts and checks calls; every check names the call.
class Contract : public testing::Test {
protected:
    size_t calls_ = 0;

    /// A result with its errno already read; frees what is there.
    void check(const std::string& call, void* result, int error, Expected expected, size_t size,
               size_t alignment) {
        ++calls_;
        if (result == nullptr) {
            if (expected.error == 0 && expected.may_refuse)
                expected.error = ENOMEM;
            EXPECT_NE(expected.error, 0) << call << " failed";
            EXPECT_EQ(error, expected.error) << call;
            return;
        }
        ASSERT_EQ(expected.error, 0) << call << " succeeded";
        EXPECT_EQ(error, kErrnoMark) << call << " touched errno";
        EXPECT_EQ(reinterpret_cast<uintptr_t>(result) % alignment, 0U) << call;
        EXPECT_GE(granary_malloc_usable_size(result), size) << call;
        EXPECT_EQ(granary_owns(result), 1) << call;
        if (size > 0 && size <= kSurelyThere) {
            auto* const bytes = static_cast<volatile unsigned char*>(result);
            bytes[0] = 0xa5;
            bytes[size - 1] = 0xa5;
        }
        errno = kErrnoMark;
        granary_free(result);
        EXPECT_EQ(errno, kErrnoMark) << "free after " << call;
    }

    static size_t natural_alignment(size_t size) { return size >= 16 ? 16 : 8; }
};

std::string name_of(const char* function, size_t a) {
    return std::string(function) + "(" + std::to_string(a) + ")";
}
std::string name_of(const char* function, size_t a, size_t b) {
    return std::string(function) + "(" + std::to_string(a) + ", " + std::to_string(b) + ")";
}

TEST_F(Contract, FunctionsOfASize) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    struct Function {
        const char* name;
        void* (*call)(size_t);
        size_t alignment;
    };
    const Function functions[] = {
        {"malloc", [](size_t n) { return granary_malloc(n); }, 0},
        {"calloc1", [](size_t n) { return granary_calloc(1, n); }, 0},
        {"calloc2", [](size_t n) { return granary_calloc(n, 1); }, 0},
        {"realloc", [](size_t n) { return granary_realloc(nullptr, n); }, 0},
        {"reallocarray", [](size_t n) { return granary_reallocarray(nullptr, n, 1); }, 0},
        {"valloc", [](size_t n) { return granary_valloc(n); }, page},
        {"pvalloc", [](size_t n) { return granary_pvalloc(n); }, page},
    };
    for (const Function& function : functions) {
        for (const size_t size : odd_sizes()) {
            errno = kErrnoMark;
            void* const result = function.call(size);
            const int error = errno;
            const size_t alignment =
                function.alignment != 0 ? function.alignment : natural_alignment(size);
            check(name_of(function.name, size), result, error, expected_for(size, alignment, true),
                  size, alignment);
        }
    }
}

TEST_F(Contract, FunctionsOfAnAlignmentAndASize) {
    struct Function {
        const char* name;
        void* (*call)(size_t, size_t);
    };
    const Function functions[] = {
        {"aligned_alloc", [](size_t a, size_t n) { return granary_aligned_alloc(a, n); }},
        {"memalign", [](size_t a, size_t n) { return granary_memalign(a, n); }},
    };
    for (const Function& function : functions) {
        for (const size_t alignment : odd_alignments()) {
            for (const size_t size : odd_sizes()) {
                errno = kErrnoMark;
                void* const result = function.call(alignment, size);
                const int error = errno;
                check(name_of(function.name, alignment, size), result, error,
                      expected_for(size, alignment, is_power_of_two(alignment)), size, alignment);
            }
        }
    }
    EXPECT_GE(calls_, 1500U);
}

TEST_F(Contract, PosixMemalignReturnsItsErrorAndKeepsErrnoAndTheVariable) {
    int untouched = 0;
    for (const size_t alignment : odd_alignments()) {
        for (const size_t size : odd_sizes()) {
            const std::string call = name_of("posix_memalign", alignment, size);
            void* result = &untouched;
            errno = kErrnoMark;
            const int error = granary_posix_memalign(&result, alignment, size);
            EXPECT_EQ(errno, kErrnoMark) << call;
            const bool valid = is_power_of_two(alignment) && alignment >= sizeof(void*);
            if (error != 0) {
                EXPECT_EQ(result, &untouched) << call;
                result = nullptr;
            }
            check(call, result, error == 0 ? kErrnoMark : error,
                  expected_for(size, alignment, valid), size, valid ? alignment : 1);
        }
    }
}

TEST_F(Contract, AFailedResizeLeavesTheOldMemoryAlone) {
    for (const size_t old_size :
         {size_t{1}, size_t{100}, size_t{5000}, size_t{100'000}, size_t{5} << 20}) {
        auto* const old = static_cast<unsigned char*>(granary_malloc(old_size));
        ASSERT_NE(old, nullptr);
        std::memset(old, 0x5a, old_size);
        const size_t usable = granary_malloc_usable_size(old);
        for (const size_t size : odd_sizes()) {
            if (size < kMaxSize - 1)
                continue;
            errno = kErrnoMark;
            EXPECT_EQ(granary_realloc(old, size), nullptr);
            EXPECT_EQ(errno, ENOMEM);
            errno = kErrnoMark;
            EXPECT_EQ(granary_reallocarray(old, size, 1), nullptr);
            EXPECT_EQ(errno, ENOMEM);
        }
        EXPECT_EQ(granary_malloc_usable_size(old), usable);
        for (size_t i = 0; i < old_size; ++i) ASSERT_EQ(old[i], 0x5a);
        granary_free(old);
    }
}

TEST_F(Contract, ResizingKeepsContentsAndErrno) {
    for (const size_t from : odd_sizes()) {
        for (const size_t to : odd_sizes()) {
            if (from == 0 || to == 0 || from > kSurelyThere || to > kSurelyThere)
                continue;
            auto* const old = static_cast<unsigned char*>(granary_malloc(from));
            ASSERT_NE(old, nullptr);
            old[0] = 1;
            old[from - 1] = 2;
            errno = kErrnoMark;
            auto* const now = static_cast<unsigned char*>(granary_realloc(old, to));
            ASSERT_NE(now, nullptr);
            EXPECT_EQ(errno, kErrnoMark);
            EXPECT_EQ(now[0], from == 1 ? 2 : 1);
            EXPECT_TRUE(to < from || now[from - 1] == 2);
            now[to - 1] = 3;
            granary_free(now);
        }
    }
}

TEST_F(Contract, ResizingToNothingFreesAndReturnsNull) {
    void* const region = granary_malloc(100);
    errno = kErrnoMark;
    EXPECT_EQ(granary_realloc(region, 0), nullptr);
    EXPECT_EQ(errno, kErrnoMark);
    void* const other = granary_malloc(100);
    EXPECT_EQ(granary_reallocarray(other, 0, 8), nullptr);
    EXPECT_EQ(errno, kErrnoMark);
}

TEST_F(Contract, OverflowingProductsAreOutOfMemory) {
    const std::pair<size_t, size_t> products[] = {{SIZE_MAX, 2},
                                                  {2, SIZE_MAX},
                                                  {SIZE_MAX, SIZE_MAX},
                                                  {size_t{1} << 32, size_t{1} << 32},
                                                  {size_t{1} << 63, 2},
                                                  {SIZE_MAX / 3, 4},
                                                  {(size_t{1} << 32) + 1, (size_t{1} << 32) + 1}};
    void* const old = granary_malloc(64);
    std::memset(old, 0x77, 64);
    for (const auto& [count, size] : products) {
        errno = kErrnoMark;
        EXPECT_EQ(granary_calloc(count, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        errno = kErrnoMark;
        EXPECT_EQ(granary_reallocarray(old, count, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
    }
    EXPECT_EQ(static_cast<unsigned char*>(old)[63], 0x77);
    granary_free(old);
}

TEST_F(Contract, CallocGivesZerosAlsoInMemoryThatWasUsed) {
    for (int round = 0; round < 3; ++round) {
        for (const size_t size : odd_sizes()) {
            if (size == 0 || size > kSurelyThere)
                continue;
            auto* const dirty = static_cast<unsigned char*>(granary_malloc(size));
            std::memset(dirty, 0xff, granary_malloc_usable_size(dirty));
            granary_free(dirty);
            auto* const clean = static_cast<unsigned char*>(granary_calloc(1, size));
            ASSERT_NE(clean, nullptr);
            const size_t usable = granary_malloc_usable_size(clean);
            size_t sum = 0;
            for (size_t i = 0; i < usable; ++i) sum += clean[i];
            EXPECT_EQ(sum, 0U) << size;
            granary_free(clean);
        }
    }
}

TEST_F(Contract, EmptyRequestsGetUniqueAddresses) {
    void* const regions[] = {granary_malloc(0),
                             granary_malloc(0),
                             granary_calloc(0, 8),
                             granary_realloc(nullptr, 0),
                             granary_aligned_alloc(64, 0),
                             granary_aligned_alloc(64, 0),
                             granary_valloc(0),
                             granary_pvalloc(0)};
    for (size_t i = 0; i < std::size(regions); ++i) {
        ASSERT_NE(regions[i], nullptr) << i;
        for (size_t j = 0; j < i; ++j) EXPECT_NE(regions[i], regions[j]);
    }
    for (void* const region : regions) granary_free(region);
}

TEST_F(Contract, PvallocRoundsUpToWholePages) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (const size_t size : {size_t{0}, size_t{1}, page - 1, page, page + 1, 5 * page + 1}) {
        void* const region = granary_pvalloc(size);
        const size_t pages = size == 0 ? 1 : (size + page - 1) / page;
        EXPECT_GE(granary_malloc_usable_size(region), pages * page);
        granary_free(region);
    }
}

TEST_F(Contract, SizedFreesTakeWhatWasAskedForAndWhatIsUsable) {
    for (const size_t size : odd_sizes()) {
        if (size > kSurelyThere)
            continue;
        void* const asked = granary_malloc(size);
        void* const usable = granary_malloc(size);
        const size_t usable_size = granary_malloc_usable_size(usable);
        errno = kErrnoMark;
        granary_free_sized(asked, size);
        granary_free_sized(usable, usable_size);
        for (const size_t alignment :
             {size_t{1}, size_t{16}, size_t{64}, size_t{4096}, size_t{1} << 21}) {
            void* const aligned = granary_aligned_alloc(alignment, size);
            ASSERT_NE(aligned, nullptr);
            granary_free_aligned_sized(aligned, alignment, size);
        }
        EXPECT_EQ(errno, kErrnoMark);
    }
}

TEST_F(Contract, NullIsFreedWithoutEffect) {
    errno = kErrnoMark;
    granary_free(nullptr);
    granary_free_sized(nullptr, 100);
    granary_free_aligned_sized(nullptr, 64, 100);
    EXPECT_EQ(errno, kErrnoMark);
    EXPECT_EQ(granary_malloc_usable_size(nullptr), 0U);
}

TEST_F(Contract, OwnershipIsKnownForAnyAddress) {
    int on_the_stack = 0;
    static int in_the_data = 0;
    EXPECT_EQ(granary_owns(nullptr), 0);
    EXPECT_EQ(granary_owns(&on_the_stack), 0);
    EXPECT_EQ(granary_owns(&in_the_data), 0);
    for (unsigned k = 0; k < 64; ++k) {
        for (const uintptr_t delta : {uintptr_t{0}, uintptr_t{1}, UINTPTR_MAX}) {
            const uintptr_t address = (uintptr_t{1} << k) + delta;
            EXPECT_EQ(granary_owns(reinterpret_cast<const void*>(address)), 0) << address;
        }
    }
    for (const size_t size : {size_t{10}, size_t{1000}, size_t{100'000}, size_t{10} << 20}) {
        auto* const region = static_cast<char*>(granary_malloc(size));
        EXPECT_EQ(granary_owns(region), 1);
        EXPECT_EQ(granary_owns(region + size / 2), 1);
        EXPECT_EQ(granary_owns(region + size - 1), 1);
        granary_free(region);
    }
}

TEST_F(Contract, OnlyTheStartOfARegionIsARegion) {
    int on_the_stack = 0;
    EXPECT_EQ(granary_owns_region(nullptr), 0);
    EXPECT_EQ(granary_owns_region(&on_the_stack), 0);
    EXPECT_EQ(granary_owns_region(reinterpret_cast<const void*>(UINTPTR_MAX)), 0);
    for (const size_t size : {size_t{10}, size_t{1000}, size_t{100'000}, size_t{10} << 20}) {
        auto* const region = static_cast<char*>(granary_malloc(size));
        EXPECT_EQ(granary_owns_region(region), 1);
        for (const size_t inside : {size_t{1}, size_t{4}, size / 2, size - 1})
            EXPECT_EQ(granary_owns_region(region + inside), 0) << size << " + " << inside;
        granary_free(region);
    }
    auto* const block = static_cast<char*>(granary_malloc(1 << 20));
    for (size_t inside = 4096; inside < size_t{1} << 20; inside += 4096)
        EXPECT_EQ(granary_owns_region(block + inside), 0) << inside;
    granary_free(block);
    EXPECT_EQ(granary_owns_region(block), 0);
}

}  // namespace
