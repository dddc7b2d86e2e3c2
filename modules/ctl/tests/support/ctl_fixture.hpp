// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// ctl_fixture.hpp — short questions to the tree, over a fake core with three arenas.
#pragma once

#include <string>

#include <gtest/gtest.h>
#include <granary/ctl/ctl.hpp>

#include "fake_core.hpp"

namespace granary::ctl::tests {

class Ctl : public testing::Test {
protected:
    void SetUp() override {
        tests::reset_fake_core(3);
        refresh();
        fake_core().snapshots = 0;
    }

    static void refresh() {
        const uint64_t any = 1;
        ASSERT_EQ(control("epoch", nullptr, nullptr, &any, sizeof any), 0);
    }

    template <typename T>
    static T get(const std::string& name) {
        T value{};
        size_t length = sizeof value;
        EXPECT_EQ(control(name.c_str(), &value, &length, nullptr, 0), 0) << name;
        EXPECT_EQ(length, sizeof value) << name;
        return value;
    }

    template <typename T>
    static int set(const std::string& name, T value) {
        return control(name.c_str(), nullptr, nullptr, &value, sizeof value);
    }

    static int act(const std::string& name) {
        return control(name.c_str(), nullptr, nullptr, nullptr, 0);
    }

    /// A path with every index filled in.
    static std::string concrete(std::string name) {
        for (size_t at = name.find('<'); at != std::string::npos; at = name.find('<'))
            name.replace(at, name.find('>') + 1 - at, "0");
        return name;
    }
};

}  // namespace granary::ctl::tests
