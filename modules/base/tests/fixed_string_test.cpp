// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fixed_string_test.cpp — formatting, and what happens at the edge of the room.
#include <granary/base/fixed_string.hpp>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include <granary/base/prng.hpp>

namespace granary::base {
namespace {

constexpr bool formats_at_compile_time() {
    FixedString<32> text("size ");
    text.append_decimal(4096).append(' ').append_hex(255).append(' ').append_signed(-7);
    return text.view() == "size 4096 0xff -7";
}
static_assert(formats_at_compile_time());

constinit FixedString<8> g_text;

TEST(FixedString, StartsEmptyAndTerminated) {
    EXPECT_TRUE(g_text.empty());
    EXPECT_STREQ(g_text.c_str(), "");
    EXPECT_EQ(g_text.capacity(), 8U);
}

TEST(FixedString, FormatsNumbersAsPrintfDoes) {
    Prng prng(7);
    for (int i = 0; i < 2000; ++i) {
        const uint64_t value = prng.next() >> prng.below(64);
        const auto as_signed = static_cast<int64_t>(value);
        char expected[96];
        std::snprintf(expected, sizeof expected, "%" PRIu64 " %" PRId64 " 0x%" PRIx64, value,
                      as_signed, value);
        FixedString<95> text;
        text.append_decimal(value).append(' ').append_signed(as_signed).append(' ').append_hex(
            value);
        EXPECT_EQ(text.view(), expected);
    }
}

TEST(FixedString, FormatsTheExtremes) {
    FixedString<80> text;
    text.append_decimal(0).append(' ').append_decimal(std::numeric_limits<uint64_t>::max());
    text.append(' ').append_signed(std::numeric_limits<int64_t>::min());
    text.append(' ').append_hex(0);
    EXPECT_EQ(text.view(), "0 18446744073709551615 -9223372036854775808 0x0");
}

TEST(FixedString, KeepsWhatFitsAndSaysThatItCut) {
    FixedString<8> text("12345");
    EXPECT_FALSE(text.truncated());
    text.append("678");
    EXPECT_FALSE(text.truncated());
    EXPECT_EQ(text.view(), "12345678");
    text.append("9");
    EXPECT_TRUE(text.truncated());
    EXPECT_EQ(text.view(), "12345678");
    EXPECT_EQ(std::strlen(text.c_str()), 8U);
}

TEST(FixedString, NeverWritesBehindItsRoomWhateverIsAppended) {
    struct Guarded {
        FixedString<13> text;
        unsigned char guard[16];
    };
    Prng prng(11);
    for (int round = 0; round < 500; ++round) {
        Guarded guarded{};
        std::memset(guarded.guard, 0xa5, sizeof guarded.guard);
        std::string whole;
        for (int i = 0; i < 6; ++i) {
            const uint64_t value = prng.next() >> prng.below(64);
            guarded.text.append_decimal(value);
            whole += std::to_string(value);
        }
        EXPECT_EQ(guarded.text.view(), std::string_view(whole).substr(0, 13));
        EXPECT_EQ(guarded.text.truncated(), whole.size() > 13);
        for (const unsigned char byte : guarded.guard) {
            ASSERT_EQ(byte, 0xa5);
        }
    }
}

TEST(FixedString, ShortensAndClears) {
    FixedString<8> text("123456789");
    text.shorten(3);
    EXPECT_EQ(text.view(), "123");
    EXPECT_STREQ(text.c_str(), "123");
    text.shorten(5);
    EXPECT_EQ(text.view(), "123");
    text.clear();
    EXPECT_TRUE(text.empty());
    EXPECT_FALSE(text.truncated());
}

}  // namespace
}  // namespace granary::base
