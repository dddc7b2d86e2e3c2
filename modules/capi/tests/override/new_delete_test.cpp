// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// new_delete_test.cpp — every operator new and delete, and what happens when memory runs out.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include <sys/resource.h>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

/// Opaque to the optimiser, which otherwise reasons about sizes and pairs.
template <typename T>
T opaque(T value) {
    asm volatile("" : "+r"(value));
    return value;
}

constexpr size_t kTooMuch = SIZE_MAX - 100;

void use(void* region, size_t size, size_t alignment) {
    ASSERT_NE(region, nullptr);
    EXPECT_EQ(granary_owns(region), 1);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(region) % alignment, 0U);
    EXPECT_GE(granary_malloc_usable_size(region), size);
    if (size > 0)
        static_cast<volatile char*>(region)[size - 1] = 1;
}

class NewDelete : public testing::TestWithParam<size_t> {};

TEST_P(NewDelete, PlainFormsPairWithEveryDelete) {
    const size_t size = opaque(GetParam());
    const size_t alignment = size >= 16 ? 16 : 8;
    void* p[6] = {
        ::operator new(size),   ::operator new(size),   ::operator new(size, std::nothrow),
        ::operator new[](size), ::operator new[](size), ::operator new[](size, std::nothrow)};
    for (void* const region : p) use(region, size, alignment);
    ::operator delete(p[0]);
    ::operator delete(p[1], size);
    ::operator delete(p[2], std::nothrow);
    ::operator delete[](p[3]);
    ::operator delete[](p[4], size);
    ::operator delete[](p[5], std::nothrow);
}

TEST_P(NewDelete, AlignedFormsPairWithEveryDelete) {
    const size_t size = opaque(GetParam());
    for (const size_t bytes : {size_t{1}, size_t{32}, size_t{64}, size_t{4096}, size_t{1} << 21}) {
        const std::align_val_t a{bytes};
        void* p[6] = {::operator new(size, a),
                      ::operator new(size, a),
                      ::operator new(size, a, std::nothrow),
                      ::operator new[](size, a),
                      ::operator new[](size, a),
                      ::operator new[](size, a, std::nothrow)};
        for (void* const region : p) use(region, size, bytes);
        ::operator delete(p[0], a);
        ::operator delete(p[1], size, a);
        ::operator delete(p[2], a, std::nothrow);
        ::operator delete[](p[3], a);
        ::operator delete[](p[4], size, a);
        ::operator delete[](p[5], a, std::nothrow);
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, NewDelete,
                         testing::Values(0, 1, 8, 9, 16, 100, 1000, 4097, 40'000, 2'000'000));

TEST(NewDeleteNull, EveryDeleteTakesNull) {
    const auto null = [] { return opaque<void*>(nullptr); };
    const std::align_val_t a{64};
    ::operator delete(null());
    ::operator delete[](null());
    ::operator delete (null(), size_t{8});
    ::operator delete[](null(), size_t{8});
    ::operator delete(null(), a);
    ::operator delete[](null(), size_t{8}, a);
    SUCCEED();
}

TEST(NewFailure, ThrowingFormsThrowBadAlloc) {
    const std::align_val_t a{64};
    const size_t size = opaque(kTooMuch);
    EXPECT_THROW(static_cast<void>(::operator new(size)), std::bad_alloc);
    EXPECT_THROW(static_cast<void>(::operator new[](size)), std::bad_alloc);
    EXPECT_THROW(static_cast<void>(::operator new(size, a)), std::bad_alloc);
    EXPECT_THROW(static_cast<void>(::operator new[](size, a)), std::bad_alloc);
    EXPECT_THROW(opaque(std::vector<char>(opaque(size_t{1} << 62)).data()), std::bad_alloc);
}

TEST(NewFailure, NothrowFormsReturnNull) {
    const std::align_val_t a{64};
    const size_t size = opaque(kTooMuch);
    EXPECT_EQ(::operator new(size, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](size, std::nothrow), nullptr);
    EXPECT_EQ(::operator new(size, a, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](size, a, std::nothrow), nullptr);
}

int g_handler_calls = 0;

class NewHandler : public testing::Test {
protected:
    void SetUp() override { g_handler_calls = 0; }
    void TearDown() override { std::set_new_handler(nullptr); }
};

TEST_F(NewHandler, IsCalledUntilItGivesUp) {
    std::set_new_handler([] {
        if (++g_handler_calls == 3)
            std::set_new_handler(nullptr);
    });
    EXPECT_THROW(static_cast<void>(::operator new(opaque(kTooMuch))), std::bad_alloc);
    EXPECT_EQ(g_handler_calls, 3);
}

TEST_F(NewHandler, WhatItThrowsComesOutOfNew) {
    struct Mine {};
    std::set_new_handler([] { throw Mine(); });
    EXPECT_THROW(static_cast<void>(::operator new(opaque(kTooMuch))), Mine);
    EXPECT_THROW(static_cast<void>(::operator new (opaque(kTooMuch), std::align_val_t{64})), Mine);
}

TEST_F(NewHandler, WhatItThrowsBecomesNullInNothrowForms) {
    std::set_new_handler([] {
        ++g_handler_calls;
        throw std::bad_alloc();
    });
    EXPECT_EQ(::operator new(opaque(kTooMuch), std::nothrow), nullptr);
    EXPECT_EQ(::operator new (opaque(kTooMuch), std::align_val_t{64}, std::nothrow), nullptr);
    EXPECT_EQ(g_handler_calls, 2);
}

constexpr size_t kMaxHeld = 4096;

rlimit g_address_space{};

/// Ends the shortage that the tests below make.
void give_memory_back() {
    ++g_handler_calls;
    setrlimit(RLIMIT_AS, &g_address_space);
    std::set_new_handler(nullptr);
}

/// No new address space, and none kept from before that holds such a region, until
/// give_memory_back().
class Shortage {
public:
    Shortage(size_t size, std::align_val_t alignment) {
        EXPECT_EQ(getrlimit(RLIMIT_AS, &g_address_space), 0);
        rlimit none = g_address_space;
        none.rlim_cur = 1;
        EXPECT_EQ(setrlimit(RLIMIT_AS, &none), 0);
        while (count_ < kMaxHeld) {
            void* const region = ::operator new(size, alignment, std::nothrow);
            if (region == nullptr)
                break;
            held_[count_++] = region;
        }
        EXPECT_LT(count_, kMaxHeld);
        std::set_new_handler(give_memory_back);
    }
    ~Shortage() {
        for (size_t i = 0; i < count_; ++i) std::free(held_[i]);
    }
    Shortage(const Shortage&) = delete;
    Shortage& operator=(const Shortage&) = delete;

private:
    size_t count_ = 0;
    void* held_[kMaxHeld];
};

TEST_F(NewHandler, AnotherAttemptSucceedsWhenItFoundMemory) {
    const size_t size = opaque(size_t{1} << 28);
    const Shortage shortage(size, std::align_val_t{16});
    void* const region = ::operator new(size);
    EXPECT_EQ(g_handler_calls, 1);
    use(region, size, 16);
    ::operator delete(region, size);
}

TEST_F(NewHandler, AnotherAttemptKeepsTheAlignment) {
    const size_t size = opaque(size_t{1} << 28);
    const std::align_val_t a{size_t{1} << 24};
    const Shortage shortage(size, a);
    void* const region = ::operator new(size, a);
    EXPECT_EQ(g_handler_calls, 1);
    use(region, size, size_t{1} << 24);
    ::operator delete(region, size, a);
}

TEST_F(NewHandler, AnotherAttemptOfANothrowFormKeepsTheAlignment) {
    const size_t size = opaque(size_t{1} << 28);
    const std::align_val_t a{size_t{1} << 24};
    const Shortage shortage(size, a);
    void* const region = ::operator new[](size, a, std::nothrow);
    EXPECT_EQ(g_handler_calls, 1);
    use(region, size, size_t{1} << 24);
    ::operator delete[](region, a, std::nothrow);
}

}  // namespace
