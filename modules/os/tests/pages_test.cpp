// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// pages_test.cpp — the contract of PageOps, asked of the real kernel.
#include <granary/os/pages.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <gtest/gtest.h>

#include <granary/base/bits.hpp>

namespace granary::os {
namespace {

class Pages : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(pipe2(probe_, O_NONBLOCK), 0);
        errno = kErrnoMark;
    }

    void TearDown() override {
        EXPECT_EQ(errno, kErrnoMark) << "errno was touched (G3)";
        close(probe_[0]);
        close(probe_[1]);
    }

    /// Asks the kernel to read a byte, so that the answer is no signal.
    bool is_readable(const void* address) const {
        const ssize_t written = write(probe_[1], address, 1);
        char byte = 0;
        if (written == 1) {
            EXPECT_EQ(read(probe_[0], &byte, 1), 1);
        }
        errno = kErrnoMark;
        return written == 1;
    }

    std::byte* reserve(size_t size) const {
        return static_cast<std::byte*>(ops_.reserve(ops_.self, nullptr, size));
    }

    std::byte* committed(size_t size) const {
        std::byte* const address = reserve(size);
        EXPECT_NE(address, nullptr);
        EXPECT_TRUE(ops_.commit(ops_.self, address, size));
        return address;
    }

    bool release(void* address, size_t size) const {
        return ops_.release(ops_.self, address, size);
    }

    static void fill(std::byte* address, size_t size, unsigned seed) {
        for (size_t i = 0; i < size; ++i) {
            address[i] = static_cast<std::byte>(i * 7 + i / 4096 + seed);
        }
    }

    static bool is_filled(const std::byte* address, size_t size, unsigned seed) {
        for (size_t i = 0; i < size; ++i) {
            if (address[i] != static_cast<std::byte>(i * 7 + i / 4096 + seed)) {
                return false;
            }
        }
        return true;
    }

    static bool is_zero(const std::byte* address, size_t size) {
        for (size_t i = 0; i < size; ++i) {
            if (address[i] != std::byte{0}) {
                return false;
            }
        }
        return true;
    }

    static constexpr int kErrnoMark = 77;
    const PageOps& ops_ = kernel_pages();
    const size_t page_ = page_size();
    int probe_[2] = {-1, -1};
};

TEST_F(Pages, ThePageSizeIsTheKernels) {
    EXPECT_EQ(page_, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
    EXPECT_EQ(page_size(), page_);
}

TEST_F(Pages, TheHugePageSizeIsTheKernelsWhereItTells) {
    FILE* const file = std::fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");
    if (file == nullptr) {
        errno = kErrnoMark;
        GTEST_SKIP() << "needs a kernel with transparent huge pages";
    }
    size_t size = 0;
    EXPECT_EQ(std::fscanf(file, "%zu", &size), 1);
    std::fclose(file);
    errno = kErrnoMark;
    EXPECT_EQ(huge_page_size(), size);
}

TEST_F(Pages, ReservedPagesAreAlignedAndInaccessible) {
    std::byte* const address = reserve(8 * page_);
    ASSERT_NE(address, nullptr);
    EXPECT_TRUE(base::is_aligned(base::address_of(address), page_));
    EXPECT_FALSE(is_readable(address));
    EXPECT_FALSE(is_readable(address + 8 * page_ - 1));
    EXPECT_TRUE(release(address, 8 * page_));
}

TEST_F(Pages, AnOccupiedHintIsNotTakenByForce) {
    std::byte* const first = committed(4 * page_);
    fill(first, 4 * page_, 1);
    void* const second = ops_.reserve(ops_.self, first, 4 * page_);
    ASSERT_NE(second, nullptr);
    EXPECT_NE(second, first);
    EXPECT_TRUE(is_filled(first, 4 * page_, 1));
    EXPECT_TRUE(release(second, 4 * page_));
    EXPECT_TRUE(release(first, 4 * page_));
}

TEST_F(Pages, AnImpossibleSizeGivesNullptr) {
    const size_t size = size_t{1} << 62;
    EXPECT_EQ(reserve(size), nullptr);
    EXPECT_EQ(ops_.map(ops_.self, size), nullptr);
}

TEST_F(Pages, CommittedPagesReadZeroAndTheirNeighboursStayInaccessible) {
    std::byte* const address = reserve(4 * page_);
    ASSERT_TRUE(ops_.commit(ops_.self, address + page_, 2 * page_));
    EXPECT_TRUE(is_zero(address + page_, 2 * page_));
    fill(address + page_, 2 * page_, 3);
    EXPECT_TRUE(is_filled(address + page_, 2 * page_, 3));
    EXPECT_FALSE(is_readable(address));
    EXPECT_FALSE(is_readable(address + 3 * page_));
    EXPECT_TRUE(release(address, 4 * page_));
}

TEST_F(Pages, DecommittedPagesAreInaccessibleAndZeroAfterTheNextCommit) {
    std::byte* const address = committed(4 * page_);
    fill(address, 4 * page_, 5);
    ASSERT_TRUE(ops_.decommit(ops_.self, address + page_, 2 * page_));
    EXPECT_FALSE(is_readable(address + page_));
    EXPECT_TRUE(is_filled(address, page_, 5));
    ASSERT_TRUE(ops_.commit(ops_.self, address + page_, 2 * page_));
    EXPECT_TRUE(is_zero(address + page_, 2 * page_));
    EXPECT_TRUE(release(address, 4 * page_));
}

TEST_F(Pages, ReleasedPagesAreGoneAndTheRestStays) {
    std::byte* const address = committed(3 * page_);
    fill(address, 3 * page_, 9);
    EXPECT_TRUE(release(address + page_, page_));
    EXPECT_FALSE(is_readable(address + page_));
    EXPECT_TRUE(is_filled(address, page_, 9));
    EXPECT_TRUE(release(address, page_));
    EXPECT_TRUE(release(address + 2 * page_, page_));
}

TEST_F(Pages, PagesPurgedByForceReadZeroAndCanBeWritten) {
    std::byte* const address = committed(64 * page_);
    fill(address, 64 * page_, 2);
    ASSERT_TRUE(ops_.purge_forced(ops_.self, address + page_, 62 * page_));
    EXPECT_TRUE(is_filled(address, page_, 2));
    EXPECT_TRUE(is_zero(address + page_, 62 * page_));
    fill(address + page_, 62 * page_, 8);
    EXPECT_TRUE(is_filled(address + page_, 62 * page_, 8));
    EXPECT_TRUE(release(address, 64 * page_));
}

TEST_F(Pages, LockedPagesRefuseTheForcedPurgeAndKeepTheirContents) {
    std::byte* const address = committed(page_);
    fill(address, page_, 4);
    // By number: the wrappers of the sanitizers lock nothing.
    if (syscall(SYS_mlock, address, page_) != 0) {
        errno = kErrnoMark;
        EXPECT_TRUE(release(address, page_));
        GTEST_SKIP() << "needs RLIMIT_MEMLOCK of at least a page";
    }
    EXPECT_FALSE(ops_.purge_forced(ops_.self, address, page_));
    EXPECT_TRUE(is_filled(address, page_, 4));
    EXPECT_TRUE(release(address, page_));
}

TEST_F(Pages, LazilyPurgedPagesHoldTheirOldContentsOrZeroUntilWritten) {
    std::byte* const address = committed(16 * page_);
    fill(address, 16 * page_, 6);
    const bool purged = ops_.purge_lazy(ops_.self, address, 16 * page_);
    for (size_t i = 0; i < 16; ++i) {
        std::byte* const page = address + i * page_;
        const bool old = is_filled(page, 1, static_cast<unsigned>(i * page_ * 7 + i + 6));
        EXPECT_TRUE(old || (purged && is_zero(page, page_)));
    }
    fill(address, 16 * page_, 7);
    EXPECT_TRUE(is_filled(address, 16 * page_, 7));
    EXPECT_TRUE(release(address, 16 * page_));
}

TEST_F(Pages, HugePageHintsChangeNoContents) {
    const size_t size = 2 * huge_page_size();
    std::byte* const address = committed(size);
    fill(address, page_, 1);
    // The answers differ between kernels; the contents may not.
    static_cast<void>(ops_.hint_huge(ops_.self, address, size, true));
    EXPECT_TRUE(is_filled(address, page_, 1));
    static_cast<void>(ops_.hint_huge(ops_.self, address, size, false));
    EXPECT_TRUE(is_filled(address, page_, 1));
    EXPECT_TRUE(release(address, size));
}

TEST_F(Pages, MovedPagesArriveAndTheSourceStaysMappedAndZero) {
    constexpr size_t kPages = 32;
    const size_t size = kPages * page_;
    std::byte* const from = committed(size);
    std::byte* const to = committed(size);
    fill(from, size, 1);
    fill(to, size, 2);
    if (!ops_.move(ops_.self, from, to, size)) {
        EXPECT_TRUE(is_filled(from, size, 1));
        EXPECT_TRUE(is_readable(to));
    } else {
        EXPECT_TRUE(is_filled(to, size, 1));
        EXPECT_TRUE(is_zero(from, size));
    }
    fill(from, size, 3);
    fill(to, size, 4);
    EXPECT_TRUE(is_filled(from, size, 3));
    EXPECT_TRUE(is_filled(to, size, 4));
    EXPECT_TRUE(release(from, size));
    EXPECT_TRUE(release(to, size));
}

TEST_F(Pages, AMoveIntoAReservationMakesItAccessible) {
    std::byte* const from = committed(4 * page_);
    std::byte* const to = reserve(8 * page_);
    fill(from, 4 * page_, 1);
    if (ops_.move(ops_.self, from, to + 2 * page_, 4 * page_)) {
        EXPECT_TRUE(is_filled(to + 2 * page_, 4 * page_, 1));
    } else {
        EXPECT_TRUE(is_filled(from, 4 * page_, 1));
    }
    EXPECT_FALSE(is_readable(to + page_));
    EXPECT_FALSE(is_readable(to + 6 * page_));
    EXPECT_TRUE(release(from, 4 * page_));
    EXPECT_TRUE(release(to, 8 * page_));
}

TEST_F(Pages, ARefusedMoveLeavesTheTargetWritableAndNoHole) {
    std::byte* const from = committed(4 * page_);
    std::byte* const to = committed(4 * page_);
    fill(to, 4 * page_, 1);
    // There is nothing to move. Kernels before 6.17 notice when they have unmapped the target.
    ASSERT_TRUE(release(from, 4 * page_));
    ASSERT_FALSE(ops_.move(ops_.self, from, to, 4 * page_));
    for (size_t i = 0; i < 4; ++i) {
        ASSERT_TRUE(is_readable(to + i * page_));
    }
    EXPECT_TRUE(is_filled(to, 4 * page_, 1) || is_zero(to, 4 * page_));
    fill(to, 4 * page_, 2);
    EXPECT_TRUE(is_filled(to, 4 * page_, 2));
    EXPECT_TRUE(release(to, 4 * page_));
}

TEST_F(Pages, MappedPagesAreWritableAndZero) {
    auto* const address = static_cast<std::byte*>(ops_.map(ops_.self, 16 * page_));
    ASSERT_NE(address, nullptr);
    EXPECT_TRUE(is_zero(address, 16 * page_));
    fill(address, 16 * page_, 1);
    EXPECT_TRUE(is_filled(address, 16 * page_, 1));
    EXPECT_TRUE(release(address, 16 * page_));
}

TEST_F(Pages, TheAnswerAboutZeroingIsWhatMadviseDoes) {
    std::byte* const address = committed(page_);
    fill(address, page_, 1);
    ASSERT_EQ(madvise(address, page_, MADV_DONTNEED), 0);
    EXPECT_EQ(purge_forced_zeroes(), is_zero(address, page_));
    EXPECT_EQ(purge_forced_zeroes(), is_zero(address, page_));
    EXPECT_TRUE(release(address, page_));
}

}  // namespace
}  // namespace granary::os
