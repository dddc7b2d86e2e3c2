// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fresh_process.hpp — death tests whose statement runs in a process where the heap has not started.
//
// Role        Death tests of the "threadsafe" kind run the program again, with one test. The statement
//             ends the process with 0 if all went well.
#pragma once

#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

namespace granary::core::tests {

class FreshProcess : public testing::Test {
protected:
    FreshProcess() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    ~FreshProcess() override { GTEST_FLAG_SET(death_test_style, "fast"); }

    /// For the statement: ends the process, with a line that says what is not so.
    static void require(bool condition, const char* what) {
        if (condition)
            return;
        std::fprintf(stderr, "not so: %s\n", what);
        std::exit(1);
    }
};

}  // namespace granary::core::tests
