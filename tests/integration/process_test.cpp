// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// process_test.cpp — whole programs from start to end: what they cost, print and leave.
//
// Role        Runs the subjects and Debian's tools with libgranary_malloc preloaded.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "../support/process.hpp"

#if !defined(GRANARY_PRELOAD_LIBRARY) || !defined(GRANARY_SUBJECT_DIR)
#error \
    "GRANARY_PRELOAD_LIBRARY and GRANARY_SUBJECT_DIR: where the library and the subjects were built"
#endif

namespace granary::tests {
namespace {

const std::string kSubjects = std::string(GRANARY_SUBJECT_DIR) + "/";

Command preloaded(std::vector<std::string> words, const std::string& conf = "") {
    Command command{.words = std::move(words),
                    .environment = {{"LD_PRELOAD", GRANARY_PRELOAD_LIBRARY}}};
    if (!conf.empty())
        command.environment.emplace_back("GRANARY_CONF", conf);
    return command;
}

size_t count(const std::string& text, const std::string& what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
        ++found;
    return found;
}

long rss_kib(const Command& command) {
    const Outcome outcome = run(command);
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return std::strtol(outcome.out.c_str(), nullptr, 10);
}

TEST(Footprint, OfTheFirstMallocIsBelowOneMebibyte) {
    const long bare = rss_kib({.words = {kSubjects + "footprint"}, .environment = {}});
    const long with_granary = rss_kib(preloaded({kSubjects + "footprint"}));
    ASSERT_GT(bare, 0);
    std::printf("bare %ld KiB, on granary %ld KiB\n", bare, with_granary);
    EXPECT_LT(with_granary - bare, 1024);
}

TEST(Footprint, OfThePrefixedLibraryIsBelowOneMebibyte) {
    const long bare = rss_kib({.words = {kSubjects + "footprint"}, .environment = {}});
    const long with_granary =
        rss_kib({.words = {kSubjects + "footprint_prefixed"}, .environment = {}});
    EXPECT_LT(with_granary - bare, 1024);
}

TEST(Exit, RunsEveryHandlerWhileThreadsAllocate) {
    for (int i = 0; i < 20; ++i) {
        for (const char* how : {"return", "exit", "quick_exit"}) {
            const Outcome outcome = run(preloaded({kSubjects + "process_exit", how}));
            ASSERT_TRUE(outcome.exited_with(0)) << how << ": " << outcome.describe();
            ASSERT_EQ(outcome.out, "all handlers ran\n") << how;
        }
    }
}

TEST(Preload, IsSilentInProgramsThatGoWell) {
    const std::vector<std::vector<std::string>> programs = {
        {"/bin/true"},
        {"/bin/ls", "/"},
        {"/bin/sh", "-c", "echo one two | tr ' ' '\\n' | sort -r | head -1"},
        {"/bin/sh", "-c", "for i in 1 2 3 4 5; do (echo $i & wait); done | sort | tail -1"},
        {"/bin/bash", "-c", "a=(); for ((i = 0; i < 20000; ++i)); do a+=($i); done; echo ${#a[@]}"},
        {"/usr/bin/env", "true"},
        {"/usr/bin/sort", "/etc/passwd"},
    };
    for (const std::vector<std::string>& words : programs) {
        const Outcome expected = run({.words = words, .environment = {}});
        const Outcome outcome = run(preloaded(words));
        EXPECT_TRUE(outcome.exited_with(0)) << words.back() << ": " << outcome.describe();
        EXPECT_EQ(outcome.out, expected.out) << words.back();
        EXPECT_EQ(outcome.err, "") << words.back();
    }
}

TEST(Preload, FailsAProgramOnlyWithItsOwnExitCode) {
    const Outcome outcome = run(preloaded({"/bin/sh", "-c", "exit 7"}));
    EXPECT_TRUE(outcome.exited_with(7)) << outcome.describe();
}

TEST(Preload, StartsUnderAnAddressSpaceLimitOf64Mebibytes) {
    for (const rlim_t mib : {64, 128, 1024, 8192}) {
        Command command = preloaded({"/bin/sh", "-c", "echo alive | cat"});
        command.address_space = mib << 20;
        const Outcome outcome = run(command);
        EXPECT_TRUE(outcome.exited_with(0)) << mib << ": " << outcome.describe();
        EXPECT_EQ(outcome.out, "alive\n") << mib;
    }
}

TEST(Options, BadPairsAreNamedOnceAndTheRestIsRead) {
    const Outcome outcome = run(
        preloaded({"/bin/true"}, "nosuch_option:1,dirty_decay_ms:soon,narenas:2,stats_print:true"));
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(count(outcome.err, "nosuch_option"), 1U) << outcome.err;
    EXPECT_EQ(count(outcome.err, "dirty_decay_ms:soon"), 1U) << outcome.err;
    EXPECT_GE(count(outcome.err, "<granary>: "), 2U) << outcome.err;
    // stats_print, the last pair, was read: the report is there.
    EXPECT_NE(outcome.err.find("llocated"), std::string::npos) << outcome.err;
}

TEST(Options, MallocConfIsReadToo) {
    Command command = preloaded({"/bin/true"});
    command.environment.emplace_back("MALLOC_CONF", "stats_print:true");
    const Outcome outcome = run(command);
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_NE(outcome.err.find("llocated"), std::string::npos) << outcome.describe();
}

TEST(Options, GoodTextIsSilent) {
    const Outcome outcome = run(preloaded(
        {"/bin/true"},
        "dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:2,tcache:true,background_thread:true"));
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.err, "");
}

TEST(Options, EveryCombinationOfOptionsRunsAThreadedProgram) {
    for (const char* conf :
         {"tcache:false", "narenas:1", "narenas:1,tcache:false", "dirty_decay_ms:0",
          "dirty_decay_ms:-1", "dirty_decay_ms:0,muzzy_decay_ms:1000", "background_thread:true",
          "background_thread:true,dirty_decay_ms:10,narenas:2"}) {
        const Outcome outcome = run(preloaded({kSubjects + "thread_exit", "100"}, conf));
        EXPECT_TRUE(outcome.exited_with(0)) << conf << ": " << outcome.describe();
        EXPECT_EQ(outcome.err, "") << conf;
    }
}

}  // namespace
}  // namespace granary::tests
