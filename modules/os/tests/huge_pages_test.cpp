// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge_pages_test.cpp — the kernel's text, and what is made of it.
#include <granary/os/huge_pages.hpp>

#include <gtest/gtest.h>

namespace granary::os {
namespace {

TEST(ThpMode, IsTheWordInBrackets) {
    EXPECT_EQ(parse_thp_mode("[always] madvise never\n"), "always");
    EXPECT_EQ(parse_thp_mode("always [madvise] never\n"), "default");
    EXPECT_EQ(parse_thp_mode("always madvise [never]\n"), "never");
    EXPECT_EQ(parse_thp_mode(""), "not supported");
}

TEST(ThpMode, OfThisSystemIsOneOfFour) {
    const std::string_view mode = thp_mode();
    EXPECT_TRUE(mode == "default" || mode == "always" || mode == "never" ||
                mode == "not supported")
        << mode;
}

}  // namespace
}  // namespace granary::os
