// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// override_test.cpp — C++ new and delete, and glibc's questions about its heap, on libgranary_malloc.
//
// Role        An ordinary program; CTest runs it under LD_PRELOAD. Its first test proves that this is so.
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <malloc.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../support/abi.hpp"

namespace granary::tests {
namespace {

const Abi& abi = tested_abi();

constexpr std::align_val_t kAlignments[] = {std::align_val_t{1}, std::align_val_t{32},
                                            std::align_val_t{64}, std::align_val_t{4096},
                                            std::align_val_t{1 << 21}};

bool is_aligned(const void* pointer, size_t alignment) {
    return reinterpret_cast<uintptr_t>(pointer) % alignment == 0;
}

/// Keeps the compiler from reasoning about a size that no machine has.
size_t opaque(size_t size) {
    asm volatile("" : "+r"(size));
    return size;
}

void expect_granary(void* pointer, size_t size, size_t alignment) {
    ASSERT_NE(pointer, nullptr);
    EXPECT_TRUE(abi.owns(pointer)) << size;
    EXPECT_TRUE(is_aligned(pointer, alignment)) << size << ", " << alignment;
    std::memset(pointer, 1, size);
}

TEST(Override, IsInForce) {
    ASSERT_TRUE(is_granary(abi)) << "needs LD_PRELOAD=libgranary_malloc.so";
    expect_granary(std::malloc(10), 10, 8);
    char* const text = strdup("allocated inside the C library");
    EXPECT_TRUE(abi.owns(text));
    std::free(text);
    const std::string long_string(1000, 'x');
    EXPECT_TRUE(abi.owns(long_string.data()));
}

TEST(Operators, EveryFormOfNewAndDeleteIsGranarys) {
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{24}, size_t{1000}, size_t{50000}, size_t{3} << 20}) {
        void* region = ::operator new(size);
        expect_granary(region, size, 8);
        ::operator delete(region);
        region = ::operator new(size);
        ::operator delete(region, size);
        region = ::operator new[](size);
        expect_granary(region, size, 8);
        ::operator delete[](region);
        region = ::operator new[](size);
        ::operator delete[](region, size);
        region = ::operator new(size, std::nothrow);
        expect_granary(region, size, 8);
        ::operator delete(region, std::nothrow);
        region = ::operator new[](size, std::nothrow);
        expect_granary(region, size, 8);
        ::operator delete[](region, std::nothrow);
    }
    ::operator delete(nullptr);
    ::operator delete[](nullptr);
}

TEST(Operators, EveryAlignedFormHonoursTheAlignment) {
    for (const std::align_val_t alignment : kAlignments) {
        for (const size_t size : {size_t{1}, size_t{48}, size_t{5000}, size_t{100000}}) {
            const size_t bytes = static_cast<size_t>(alignment);
            void* region = ::operator new(size, alignment);
            expect_granary(region, size, bytes);
            ::operator delete(region, alignment);
            region = ::operator new(size, alignment);
            ::operator delete(region, size, alignment);
            region = ::operator new[](size, alignment);
            expect_granary(region, size, bytes);
            ::operator delete[](region, alignment);
            region = ::operator new[](size, alignment);
            ::operator delete[](region, size, alignment);
            region = ::operator new(size, alignment, std::nothrow);
            expect_granary(region, size, bytes);
            ::operator delete(region, alignment, std::nothrow);
            region = ::operator new[](size, alignment, std::nothrow);
            expect_granary(region, size, bytes);
            ::operator delete[](region, alignment, std::nothrow);
        }
    }
}

TEST(Operators, ThrowBadAllocOrReturnNullWhenMemoryIsOut) {
    const size_t impossible = opaque(SIZE_MAX / 2 - 100);
    EXPECT_THROW((void)::operator new(impossible), std::bad_alloc);
    EXPECT_THROW((void)::operator new[](impossible), std::bad_alloc);
    EXPECT_THROW((void)::operator new (impossible, std::align_val_t{64}), std::bad_alloc);
    EXPECT_THROW((void)::operator new[](impossible, std::align_val_t{64}), std::bad_alloc);
    EXPECT_EQ(::operator new(impossible, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](impossible, std::nothrow), nullptr);
    EXPECT_EQ(::operator new (impossible, std::align_val_t{64}, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](impossible, std::align_val_t{64}, std::nothrow), nullptr);
}

int handler_calls = 0;

/// Gives up at its third call, as a handler that has nothing left to free does.
void give_up_at_the_third_call() {
    if (++handler_calls == 3)
        std::set_new_handler(nullptr);
}

TEST(NewHandler, IsCalledUntilItGivesUp) {
    const size_t impossible = opaque(SIZE_MAX / 2 - 100);
    for (const bool aligned : {false, true}) {
        handler_calls = 0;
        std::set_new_handler(give_up_at_the_third_call);
        EXPECT_THROW((void)(aligned ? ::operator new (impossible, std::align_val_t{64})
                                    : ::operator new(impossible)),
                     std::bad_alloc);
        EXPECT_EQ(handler_calls, 3);
        handler_calls = 0;
        std::set_new_handler(give_up_at_the_third_call);
        EXPECT_EQ(aligned ? ::operator new (impossible, std::align_val_t{64}, std::nothrow)
                          : ::operator new(impossible, std::nothrow),
                  nullptr);
        EXPECT_EQ(handler_calls, 3);
    }
    std::set_new_handler(nullptr);
}

TEST(NewHandler, ThatThrowsEndsTheLoop) {
    std::set_new_handler([] { throw std::bad_alloc(); });
    EXPECT_THROW((void)::operator new(opaque(SIZE_MAX / 2 - 100)), std::bad_alloc);
    EXPECT_EQ(::operator new(opaque(SIZE_MAX / 2 - 100), std::nothrow), nullptr);
    std::set_new_handler(nullptr);
}

TEST(Mallinfo2, CountsWhatTheProgramHolds) {
    const auto in_use = [] {
        const struct mallinfo2 info = mallinfo2();
        return info.uordblks + info.hblkhd;
    };
    const size_t before = in_use();
    std::vector<std::unique_ptr<char[]>> regions;
    for (int i = 0; i < 1000; ++i) regions.push_back(std::make_unique<char[]>(10000));
    const size_t held = in_use();
    EXPECT_GE(held, before + 10'000'000);
    EXPECT_LE(held, before + 13'000'000);
    void* const huge = std::malloc(size_t{40} << 20);
    EXPECT_GE(in_use(), held + (size_t{40} << 20));
    std::free(huge);
    regions.clear();
    EXPECT_LE(in_use(), before + 1'000'000);
    const struct mallinfo2 info = mallinfo2();
    EXPECT_GE(info.arena, info.uordblks);
    EXPECT_EQ(info.fordblks, info.arena - info.uordblks);
}

TEST(MallocTrim, GivesUnusedMemoryBack) {
    std::vector<void*> regions;
    for (int i = 0; i < 20000; ++i) regions.push_back(std::calloc(1, 2000));
    for (void* region : regions) std::free(region);
    EXPECT_EQ(malloc_trim(0), 1);
    EXPECT_LT(mallinfo2().keepcost, size_t{1} << 20);
}

TEST(Mallopt, AcceptsHintsAndRefusesTheUnknown) {
    EXPECT_EQ(mallopt(M_ARENA_MAX, 2), 1);
    EXPECT_EQ(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
    EXPECT_EQ(mallopt(-12345, 1), 0);
}

TEST(MallocInfo, WritesOneXmlDocumentAboutGranary) {
    char* text = nullptr;
    size_t length = 0;
    std::FILE* const stream = open_memstream(&text, &length);
    ASSERT_NE(stream, nullptr);
    EXPECT_EQ(malloc_info(0, stream), 0);
    EXPECT_EQ(malloc_info(1, stream), EINVAL);
    std::fclose(stream);
    const std::string document(text, length);
    std::free(text);
    EXPECT_EQ(document.rfind("<malloc version=\"granary", 0), 0U) << document;
    EXPECT_NE(document.find("</malloc>"), std::string::npos) << document;
}

TEST(Cfree, IsAnswered) {
    // Old binaries still import it; new ones cannot name it, so it is looked up.
    void* const region = std::malloc(100);
    ASSERT_NE(region, nullptr);
    // SAFETY: the type is the one that cfree always had.
    const auto cfree = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_DEFAULT, "cfree"));
    ASSERT_NE(cfree, nullptr);
    cfree(region);
}

}  // namespace
}  // namespace granary::tests
