// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// build_config_test.cpp — the generated constants and the words of Status.
#include <granary/base/build_config.hpp>

#include <set>
#include <string>

#include <gtest/gtest.h>

#include <granary/base/status.hpp>

namespace granary::base {
namespace {

TEST(BuildConfig, TheVersionStringIsMadeOfItsParts) {
    const std::string expected = std::to_string(kVersionMajor) + "." +
                                 std::to_string(kVersionMinor) + "." +
                                 std::to_string(kVersionBugfix) + "-" +
                                 std::to_string(kVersionNrev) + "-g" + std::string(kVersionGid);
    EXPECT_EQ(kVersion, expected);
    EXPECT_EQ(kVersionGid.find_first_not_of("0123456789abcdef"), std::string_view::npos);
}

TEST(BuildConfig, DebugFollowsTheMacroThatTheAssertionsFollow) {
    EXPECT_EQ(kDebug, GRANARY_DEBUG == 1);
}

TEST(Status, EveryStatusHasItsOwnWords) {
    constexpr Status kAll[] = {Status::ok,         Status::out_of_memory, Status::invalid,
                               Status::not_found,  Status::read_only,     Status::busy,
                               Status::unsupported};
    std::set<std::string_view> names;
    for (const Status status : kAll) {
        names.insert(name_of(status));
        EXPECT_EQ(is_ok(status), status == Status::ok);
    }
    EXPECT_EQ(names.size(), std::size(kAll));
    EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace granary::base
