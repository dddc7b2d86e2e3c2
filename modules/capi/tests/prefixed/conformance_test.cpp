// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conformance_test.cpp — every name of jemalloc's, every way to ask wrongly, the documented code each.
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

#include "surface.hpp"

namespace granary::tests {
namespace {

/// Sends a test's value to and fro and looks after the bytes around it.
struct Exchange {
    std::array<unsigned char, 64> out;
    size_t length;

    explicit Exchange(size_t room) : length(room) { out.fill(0xee); }
    [[nodiscard]] bool untouched_from(size_t first) const {
        for (size_t i = first; i < out.size(); ++i) {
            if (out[i] != 0xee)
                return false;
        }
        return true;
    }
};

int read_into(const std::string& name, Exchange& exchange) {
    return granary_mallctl(name.c_str(), exchange.out.data(), &exchange.length, nullptr, 0);
}

/// All names that a pattern stands for; indices stay.
std::vector<std::string> spelled(std::string_view pattern) {
    std::string text(pattern);
    if (const size_t counter = text.find("<counter>"); counter != std::string::npos)
        text.replace(counter, std::string_view("<counter>").size(), kLockCounters);
    const size_t open = text.find('{');
    if (open == std::string::npos)
        return {text};
    const size_t close = text.find('}', open);
    std::vector<std::string> all;
    size_t begin = open + 1;
    while (begin <= close) {
        const size_t end = std::min(text.find('|', begin), close);
        const std::string one =
            text.substr(0, open) + text.substr(begin, end - begin) + text.substr(close + 1);
        for (std::string& rest : spelled(one)) all.push_back(std::move(rest));
        begin = end + 1;
    }
    return all;
}

/// With an index in every place that wants one.
std::string with_index(std::string name, const std::string& index) {
    for (size_t at = name.find('<'); at != std::string::npos; at = name.find('<'))
        name.replace(at, name.find('>') + 1 - at, index);
    return name;
}

void expect_readable(const std::string& name, size_t bytes) {
    Exchange right(bytes);
    ASSERT_EQ(read_into(name, right), 0) << name;
    EXPECT_EQ(right.length, bytes) << name;
    EXPECT_TRUE(right.untouched_from(bytes)) << name;
    for (const size_t wrong : {size_t{0}, size_t{1}, bytes - 1, bytes + 1, size_t{32}}) {
        if (wrong == bytes)
            continue;
        Exchange other(wrong);
        EXPECT_EQ(read_into(name, other), EINVAL) << name << " in " << wrong;
        EXPECT_EQ(other.length, std::min(wrong, bytes)) << name;
        EXPECT_TRUE(other.untouched_from(std::min(wrong, bytes))) << name;
    }
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0), 0) << name;
    std::array<size_t, 7> mib{};
    size_t depth = mib.size();
    ASSERT_EQ(granary_mallctlnametomib(name.c_str(), mib.data(), &depth), 0) << name;
    Exchange by_mib(bytes);
    EXPECT_EQ(granary_mallctlbymib(mib.data(), depth, by_mib.out.data(), &by_mib.length, nullptr, 0),
              0)
        << name;
    EXPECT_EQ(granary_mallctlbymib(mib.data(), depth - 1, nullptr, nullptr, nullptr, 0), ENOENT)
        << name;
}

void expect_read_only(const std::string& name, size_t bytes) {
    Exchange value(bytes);
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, value.out.data(), bytes), EPERM);
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, bytes), EPERM) << name;
}

void expect_writable(const std::string& name, size_t bytes) {
    Exchange value(bytes);
    ASSERT_EQ(read_into(name, value), 0) << name;
    for (const size_t wrong : {size_t{0}, bytes - 1, bytes + 1}) {
        EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, value.out.data(), wrong), EINVAL)
            << name << " with " << wrong;
    }
    // What it has is what it may be set to.
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, value.out.data(), bytes), 0) << name;
    Exchange both(bytes);
    EXPECT_EQ(granary_mallctl(name.c_str(), both.out.data(), &both.length, value.out.data(), bytes),
              0)
        << name;
}

void expect_write_only(const std::string& name, size_t bytes) {
    Exchange value(bytes);
    EXPECT_EQ(read_into(name, value), EPERM) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, &value.length, nullptr, 0), EPERM) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0), EINVAL) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, value.out.data(), bytes - 1), EINVAL)
        << name;
}

void expect_action(const std::string& name) {
    Exchange value(8);
    EXPECT_EQ(read_into(name, value), EPERM) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, &value.length, nullptr, 0), EPERM) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, value.out.data(), 8), EPERM) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 1), EPERM) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0), 0) << name;
}

void expect_absent(const std::string& name) {
    Exchange value(8);
    std::array<unsigned char, 8> zeros{};
    EXPECT_EQ(read_into(name, value), ENOENT) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, zeros.data(), 8), ENOENT) << name;
    EXPECT_EQ(granary_mallctl(name.c_str(), nullptr, nullptr, nullptr, 0), ENOENT) << name;
}

void expect_promise(const std::string& name, const Promise& promise) {
    switch (promise.right) {
        case Right::read:
            expect_readable(name, promise.bytes);
            expect_read_only(name, promise.bytes);
            break;
        case Right::read_write:
            expect_readable(name, promise.bytes);
            expect_writable(name, promise.bytes);
            break;
        case Right::write:
            expect_write_only(name, promise.bytes);
            break;
        case Right::action:
            expect_action(name);
            break;
        case Right::absent:
            expect_absent(name);
            break;
        case Right::special:
            break;
    }
}

class Conformance : public testing::Test {
protected:
    void SetUp() override {
        granary_free(granary_malloc(1));  // there is an arena
        uint64_t any = 0;
        ASSERT_EQ(granary_mallctl("epoch", nullptr, nullptr, &any, sizeof any), 0);
    }

    /// Calls check(pattern, promise) for every name, with indices open.
    template <typename Check>
    static void for_each_name(Check check) {
        for (const Promise& promise : kSurface) {
            for (const std::string& pattern : spelled(promise.name)) check(pattern, promise);
        }
    }
};

TEST_F(Conformance, EveryWayOfAskingGetsItsCode) {
    for_each_name([](const std::string& pattern, const Promise& promise) {
        expect_promise(with_index(pattern, "0"), promise);
    });
}

TEST_F(Conformance, IndicesOutOfRangeAndFurtherComponentsAreNotThere) {
    for_each_name([](const std::string& pattern, const Promise&) {
        Exchange value(8);
        EXPECT_EQ(read_into(with_index(pattern, "0") + ".x", value), ENOENT) << pattern;
        EXPECT_EQ(read_into(with_index(pattern, "0") + ".", value), ENOENT) << pattern;
        if (pattern.find('<') == std::string::npos)
            return;
        for (const char* bad : {"4095", "4098", "99999999999999999999", "-1", "x", "", "0x0"}) {
            EXPECT_EQ(read_into(with_index(pattern, bad), value), ENOENT) << pattern << bad;
        }
    });
}

TEST_F(Conformance, AllArenasTogetherHaveTheSameStatistics) {
    unsigned narenas = 0;
    size_t length = sizeof narenas;
    ASSERT_EQ(granary_mallctl("arenas.narenas", &narenas, &length, nullptr, 0), 0);
    for_each_name([&](const std::string& pattern, const Promise& promise) {
        if (pattern.find("stats.arenas.<arena>") != 0)
            return;
        const auto of_arena = [&](const std::string& arena) {
            std::string name = pattern;
            return with_index(name.replace(name.find("<arena>"), 7, arena), "0");
        };
        Exchange all(promise.bytes);
        Exchange alias(promise.bytes);
        EXPECT_EQ(read_into(of_arena("4096"), all), 0) << pattern;
        EXPECT_EQ(read_into(of_arena(std::to_string(narenas)), alias), 0) << pattern;
        EXPECT_EQ(all.out, alias.out) << pattern;
        EXPECT_EQ(read_into(of_arena("4097"), all), ENOENT) << pattern;
    });
}

TEST_F(Conformance, EveryNameOfTheContractIsListed) {
    std::set<std::string> listed;
    EXPECT_EQ(granary_ctl_list(
                  [](void* out, const granary_ctl_node* node) {
                      EXPECT_NE(node->meaning[0], '\0') << node->name;
                      static_cast<std::set<std::string>*>(out)->insert(node->name);
                      return 0;
                  },
                  &listed),
              0);
    size_t promised = 0;
    for (const Promise& promise : kSurface) {
        for (const std::string& name : spelled(promise.name)) {
            EXPECT_EQ(listed.count(name), 1U) << name;
            ++promised;
        }
    }
    EXPECT_GT(promised, 300U);
    const auto stop = [](void*, const granary_ctl_node*) { return 42; };
    EXPECT_EQ(granary_ctl_list(stop, nullptr), 42);
}

}  // namespace
}  // namespace granary::tests
