// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// io_test.cpp — whole writes, bounded reads, interruptions, and the last words of panic().
#include <granary/os/io.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <granary/base/panic.hpp>
#include <granary/os/entropy.hpp>

namespace granary::os {
namespace {

/// A directory of its own for the files of one test.
class Files : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "granary-io-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        directory_ = name;
    }

    void TearDown() override {
        unlink(path().c_str());
        rmdir(directory_.c_str());
    }

    const std::string& directory() const { return directory_; }
    std::string path() const { return directory_ + "/file"; }

    void write_file(const std::string& text) const {
        const int descriptor = open(path().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ASSERT_GE(descriptor, 0);
        ASSERT_TRUE(write_all(descriptor, text));
        close(descriptor);
    }

private:
    std::string directory_;
};

TEST_F(Files, ReadFileGivesTheWholeFile) {
    const std::string text(10000, 'g');
    write_file(text);
    std::string out(20000, '\0');
    ASSERT_EQ(read_file(path().c_str(), out.data(), out.size()), 10000);
    EXPECT_EQ(out.substr(0, 10000), text);
}

TEST_F(Files, ReadFileStopsAtTheRoomItHas) {
    write_file("0123456789");
    char out[6] = "-----";
    EXPECT_EQ(read_file(path().c_str(), out, 4), 4);
    EXPECT_STREQ(out, "0123-");
}

TEST_F(Files, AnEmptyFileHasNoBytes) {
    write_file("");
    char out[4];
    EXPECT_EQ(read_file(path().c_str(), out, sizeof out), 0);
}

TEST_F(Files, WhatCannotBeReadGivesMinusOneAndKeepsErrno) {
    char out[4];
    errno = 77;
    EXPECT_EQ(read_file(path().c_str(), out, sizeof out), -1);
    EXPECT_EQ(read_file(directory().c_str(), out, sizeof out), -1);
    EXPECT_EQ(errno, 77);
}

TEST_F(Files, ReadFileLeavesNoDescriptorOpen) {
    write_file("x");
    const int before = dup(0);
    close(before);
    char out[4];
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(read_file(path().c_str(), out, sizeof out), 1);
        EXPECT_EQ(read_file(directory().c_str(), out, sizeof out), -1);
    }
    const int after = dup(0);
    close(after);
    EXPECT_EQ(before, after);
}

TEST_F(Files, SignalsInterruptNeitherReadNorOpen) {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // without SA_RESTART, so that calls do return EINTR
    struct sigaction before {};
    ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
    ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
    std::string out(100, '\0');
    long size = 0;
    std::thread reader([&] { size = read_file(path().c_str(), out.data(), out.size()); });
    const auto disturb = [&reader] {
        for (int i = 0; i < 200; ++i) {
            pthread_kill(reader.native_handle(), SIGUSR1);
            std::this_thread::yield();
        }
    };
    disturb();
    const int descriptor = open(path().c_str(), O_WRONLY);
    EXPECT_TRUE(write_all(descriptor, "first "));
    disturb();
    EXPECT_TRUE(write_all(descriptor, "second"));
    close(descriptor);
    reader.join();
    sigaction(SIGUSR1, &before, nullptr);
    ASSERT_EQ(size, 12);
    EXPECT_EQ(out.substr(0, 12), "first second");
}

TEST(WriteAll, WritesMoreThanAPipeHoldsAtOnce) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const std::string text(1 << 20, 'g');
    std::string received;
    std::thread reader([&] {
        char part[5000];
        for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;) {
            received.append(part, static_cast<size_t>(got));
        }
    });
    EXPECT_TRUE(write_all(ends[1], text));
    close(ends[1]);
    reader.join();
    close(ends[0]);
    EXPECT_EQ(received, text);
}

TEST(WriteAll, FailsOnADescriptorThatTakesNothingAndKeepsErrno) {
    errno = 77;
    EXPECT_FALSE(write_all(-1, "x"));
    EXPECT_TRUE(write_all(-1, ""));
    EXPECT_EQ(errno, 77);
}

TEST(PanicDeathTest, WritesOneLineWithThePrefixAndAborts) {
    EXPECT_EXIT(base::panic("double free of 0x10"), testing::KilledBySignal(SIGABRT),
                "^<granary>: double free of 0x10\n$");
}

TEST(PanicDeathTest, CutsAnEndlessMessageAndStillEndsTheLine) {
    const std::string message(5000, 'x');
    EXPECT_EXIT(base::panic(message), testing::KilledBySignal(SIGABRT), "^<granary>: x+\n$");
}

TEST(Entropy, TwoSeedsDiffer) {
    errno = 77;
    EXPECT_NE(random_seed(), random_seed());
    EXPECT_EQ(errno, 77);
}

}  // namespace
}  // namespace granary::os
