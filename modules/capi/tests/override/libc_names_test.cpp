// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// libc_names_test.cpp — the C library's names are granary's, and its questions are answered truly.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <malloc.h>
#include <unistd.h>

#include <granary/granary.h>
#include <gtest/gtest.h>

extern "C" {
void cfree(void* pointer) noexcept;
void free_sized(void* pointer, size_t size) noexcept;
void free_aligned_sized(void* pointer, size_t alignment, size_t size) noexcept;
}

namespace {

template <typename T>
T opaque(T value) {
    asm volatile("" : "+r"(value));
    return value;
}

/// mallinfo() by its name: its declaration warns that it is too narrow.
struct mallinfo narrow_mallinfo() {
    // SAFETY: the type is that of <malloc.h>.
    const auto function = reinterpret_cast<struct mallinfo (*)()>(dlsym(RTLD_DEFAULT, "mallinfo"));
    return function();
}

TEST(LibcNames, BothNamesOfAFunctionAreOneFunction) {
    const char* const names[] = {
        "malloc",   "calloc", "realloc", "reallocarray",  "free",           "free_sized",
        "memalign", "valloc", "pvalloc", "aligned_alloc", "posix_memalign", "free_aligned_sized"};
    for (const char* const name : names) {
        void* const plain = dlsym(RTLD_DEFAULT, name);
        EXPECT_NE(plain, nullptr) << name;
        EXPECT_EQ(plain, dlsym(RTLD_DEFAULT, (std::string("granary_") + name).c_str())) << name;
    }
}

TEST(LibcNames, EveryFunctionHandsOutGranarysMemory) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* posix = nullptr;
    ASSERT_EQ(posix_memalign(&posix, 64, 100), 0);
    void* const regions[] = {std::malloc(100),
                             std::calloc(10, 10),
                             std::realloc(nullptr, 100),
                             reallocarray(nullptr, 10, 10),
                             aligned_alloc(64, 100),
                             memalign(64, 100),
                             valloc(100),
                             pvalloc(100),
                             posix,
                             strdup("allocated inside the C library")};
    for (void* const region : regions) {
        EXPECT_EQ(granary_owns(region), 1);
        EXPECT_GE(malloc_usable_size(region), 8U);
    }
    EXPECT_GE(malloc_usable_size(regions[7]), page);
    for (void* const region : regions) std::free(region);
    cfree(opaque(std::malloc(5)));
    free_sized(opaque(std::malloc(5)), 5);
    free_aligned_sized(opaque(aligned_alloc(64, 5)), 64, 5);
}

TEST(LibcNames, Mallinfo2AddsUpAndFollowsTheHeap) {
    const struct mallinfo2 before = mallinfo2();
    void* const small = opaque(std::malloc(1000));
    void* const large = opaque(std::malloc(200'000));
    void* const huge = opaque(std::malloc(size_t{32} << 20));
    const struct mallinfo2 now = mallinfo2();
    EXPECT_EQ(now.uordblks - before.uordblks,
              malloc_usable_size(small) + malloc_usable_size(large));
    EXPECT_EQ(now.hblks - before.hblks, 1U);
    EXPECT_EQ(now.hblkhd - before.hblkhd, malloc_usable_size(huge));
    EXPECT_EQ(now.arena, now.uordblks + now.fordblks);
    const struct mallinfo narrow = narrow_mallinfo();
    EXPECT_EQ(static_cast<size_t>(narrow.hblkhd), now.hblkhd);
    EXPECT_EQ(static_cast<size_t>(narrow.uordblks), now.uordblks);
    std::free(small);
    std::free(large);
    std::free(huge);
    EXPECT_EQ(mallinfo2().hblkhd, before.hblkhd);
}

TEST(LibcNames, MallinfoStopsAtTheLargestInt) {
    void* const huge = opaque(std::malloc(size_t{3} << 30));
    ASSERT_NE(huge, nullptr);
    EXPECT_EQ(narrow_mallinfo().hblkhd, INT32_MAX);
    EXPECT_GE(mallinfo2().hblkhd, size_t{3} << 30);
    std::free(huge);
}

TEST(LibcNames, MalloptTakesHintsAndRefusesPromises) {
    for (const int hint : {M_ARENA_MAX, M_ARENA_TEST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD,
                           M_MMAP_MAX, M_MXFAST}) {
        EXPECT_EQ(mallopt(hint, 1), 1) << hint;
    }
    EXPECT_EQ(mallopt(M_PERTURB, 1), 0);
    EXPECT_EQ(mallopt(M_CHECK_ACTION, 3), 0);
    EXPECT_EQ(mallopt(12345, 1), 0);
}

TEST(LibcNames, TrimGivesMemoryBack) {
    const size_t size = size_t{16} << 20;
    void* const region = opaque(std::malloc(size));
    std::memset(region, 1, size);
    std::free(region);
    EXPECT_EQ(malloc_trim(0), 1);
    EXPECT_EQ(mallinfo2().keepcost, 0U);
}

TEST(LibcNames, MallocInfoWritesXmlToTheStream) {
    char* text = nullptr;
    size_t size = 0;
    FILE* const stream = open_memstream(&text, &size);
    ASSERT_NE(stream, nullptr);
    EXPECT_EQ(malloc_info(0, stream), 0);
    EXPECT_EQ(malloc_info(1, stream), EINVAL);
    std::fclose(stream);
    const std::string xml(text, size);
    std::free(text);
    EXPECT_EQ(xml.find("<malloc version=\"granary-1\">\n"), 0U);
    EXPECT_NE(xml.find("<total type=\"small\" count=\""), std::string::npos);
    EXPECT_EQ(xml.rfind("</malloc>\n"), xml.size() - 10);
    size_t depth = 0;
    for (size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
        const bool closes = xml[at + 1] == '/';
        const bool stands_alone = xml[xml.find('>', at) - 1] == '/';
        ASSERT_TRUE(!closes || depth > 0);
        if (closes)
            --depth;
        if (!closes && !stands_alone)
            ++depth;
    }
    EXPECT_EQ(depth, 0U);
}

TEST(LibcNames, MallocInfoSaysWhenTheStreamFails) {
    FILE* const stream = std::fopen("/dev/full", "w");
    ASSERT_NE(stream, nullptr);
    std::setvbuf(stream, nullptr, _IONBF, 0);
    EXPECT_EQ(malloc_info(0, stream), -1);
    std::fclose(stream);
}

TEST(LibcNames, MallocStatsWritesTheReportToStderr) {
    testing::internal::CaptureStderr();
    malloc_stats();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(text.find("___ Begin jemalloc statistics ___"), 0U);
}

TEST(LibcNames, FailuresSetErrno) {
    errno = 0;
    EXPECT_EQ(std::malloc(opaque(SIZE_MAX - 5)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(aligned_alloc(opaque(size_t{3}), 8), nullptr);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(std::calloc(opaque(SIZE_MAX), 2), nullptr);
    EXPECT_EQ(errno, ENOMEM);
}

}  // namespace
