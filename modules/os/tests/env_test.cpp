// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// env_test.cpp — lookups in an environment made for the test.
#include <granary/os/env.hpp>

#include <sys/auxv.h>
#include <unistd.h>
#include <cstdlib>

#include <gtest/gtest.h>

namespace granary::os {
namespace {

/// Puts an environment in place for the length of a test.
class Environment : public testing::Test {
protected:
    void put(char** entries) { environ = entries; }
    void TearDown() override { environ = saved_; }

private:
    char** const saved_ = environ;
};

TEST_F(Environment, FindsAValueByItsWholeName) {
    char longer[] = "GRANARY_CONF_X=longer";
    char shorter[] = "GRANARY=shorter";
    char right[] = "GRANARY_CONF=narenas:4,tcache=x";
    char* entries[] = {longer, shorter, right, nullptr};
    put(entries);
    EXPECT_STREQ(environment("GRANARY_CONF"), "narenas:4,tcache=x");
    EXPECT_STREQ(environment("GRANARY"), "shorter");
    EXPECT_EQ(environment("GRANARY_CON"), nullptr);
    EXPECT_EQ(environment("CONF"), nullptr);
}

TEST_F(Environment, AnEmptyValueIsNotAMissingOne) {
    char empty[] = "GRANARY_CONF=";
    char bare[] = "NO_EQUALS_SIGN";
    char* entries[] = {bare, empty, nullptr};
    put(entries);
    EXPECT_STREQ(environment("GRANARY_CONF"), "");
    EXPECT_EQ(environment("NO_EQUALS_SIGN"), nullptr);
}

TEST_F(Environment, TheFirstOfTwoEntriesCounts) {
    char first[] = "A=1";
    char second[] = "A=2";
    char* entries[] = {first, second, nullptr};
    put(entries);
    EXPECT_STREQ(environment("A"), "1");
}

TEST_F(Environment, IsEmptyWhenThereIsNoEnvironmentYet) {
    put(nullptr);
    EXPECT_EQ(environment("PATH"), nullptr);
    char* entries[] = {nullptr};
    put(entries);
    EXPECT_EQ(environment("PATH"), nullptr);
}

TEST_F(Environment, HasNoValueForNoName) {
    char odd[] = "=odd";
    char* entries[] = {odd, nullptr};
    put(entries);
    EXPECT_EQ(environment(""), nullptr);
    EXPECT_EQ(environment(nullptr), nullptr);
}

TEST_F(Environment, SeesWhatTheCLibrarySet) {
    ASSERT_EQ(setenv("GRANARY_ENV_TEST", "yes", 1), 0);
    EXPECT_STREQ(environment("GRANARY_ENV_TEST"), "yes");
    ASSERT_EQ(unsetenv("GRANARY_ENV_TEST"), 0);
    EXPECT_EQ(environment("GRANARY_ENV_TEST"), nullptr);
}

TEST(SecureMode, IsWhatTheKernelSaidAtTheStart) {
    EXPECT_EQ(is_secure_mode(), getauxval(AT_SECURE) != 0);
}

}  // namespace
}  // namespace granary::os
