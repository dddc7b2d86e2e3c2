// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// options_test.cpp — options that work, work: subjects/options.c under each of them, with the
//                    C library's names and with granary's own.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "../support/process.hpp"

namespace granary::tests {
namespace {

/// Whether the subject runs under LD_PRELOAD, or linked with libgranary.
class WorkingOptions : public testing::TestWithParam<bool> {
protected:
    static Outcome with(const std::string& conf, const std::string& what) {
        const std::string subject = std::string(GRANARY_SUBJECT_DIR) + "/options";
        Command command{.words = {GetParam() ? subject : subject + "_prefixed", what},
                        .environment = {{"GRANARY_CONF", conf}}};
        if (GetParam())
            command.environment.emplace_back("LD_PRELOAD", GRANARY_PRELOAD_LIBRARY);
        return run(command);
    }

    static std::string said(const std::string& conf, const std::string& what) {
        const Outcome outcome = with(conf, what);
        EXPECT_TRUE(outcome.exited_with(0)) << conf << ": " << outcome.describe();
        EXPECT_EQ(outcome.err, "") << conf;
        return outcome.out;
    }

    struct Remains {
        long kept = -1;    ///< MiB of memory after free
        long purged = -1;  ///< after a purge
        long space = -1;   ///< MiB of addresses after the purge
    };

    static Remains remains(const std::string& conf) {
        Remains found;
        const std::string out = said(conf, "remains");
        EXPECT_EQ(std::sscanf(out.c_str(), "%ld %ld %ld", &found.kept, &found.purged, &found.space), 3) << out;
        return found;
    }
};

size_t count(const std::string& text, const std::string& what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

TEST_P(WorkingOptions, JunkFillsWhatIsAllocated) {
    said("junk:alloc", "junk-alloc");
    said("junk:true", "junk-alloc");
    said("junk:true,tcache:false", "junk-alloc");
}

TEST_P(WorkingOptions, JunkFillsWhatIsFreed) {
    said("junk:free", "junk-free");
    said("junk:true", "junk-free");
    said("junk:free,tcache:false", "junk-free");
}

TEST_P(WorkingOptions, ZeroFillsWithZerosAndWinsOverJunk) {
    said("zero:true", "zero");
    said("zero:true,junk:true", "zero");
    said("zero:true,tcache:false", "zero");
}

TEST_P(WorkingOptions, ZeroReallocChoosesWhatReallocToNothingDoes) {
    EXPECT_EQ(said("", "realloc"), "freed\n");
    EXPECT_EQ(said("zero_realloc:free", "realloc"), "freed\n");
    EXPECT_EQ(said("zero_realloc:alloc", "realloc"), "kept\n");
    const Outcome aborted = with("zero_realloc:abort", "realloc");
    EXPECT_TRUE(aborted.killed_by(SIGABRT)) << aborted.describe();
    EXPECT_EQ(aborted.err, "<granary>: realloc(p, 0), and zero_realloc is abort\n");
}

TEST_P(WorkingOptions, XmallocEndsTheProgramWhenMemoryIsExhausted) {
    EXPECT_EQ(said("", "exhaust"), "null\n");
    const Outcome aborted = with("xmalloc:true", "exhaust");
    EXPECT_TRUE(aborted.killed_by(SIGABRT)) << aborted.describe();
    EXPECT_EQ(aborted.err, "<granary>: out of memory, and xmalloc is set\n");
}

TEST_P(WorkingOptions, StatsIntervalReportsAfterEverySoManyBytes) {
    // 1000 regions of 10 KiB, rounded up to their class.
    const Outcome outcome = with("stats_interval:1048576,stats_interval_opts:gablx", "much");
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const size_t reports = count(outcome.err, "Begin ");
    EXPECT_GE(reports, 9U);
    EXPECT_LE(reports, 11U);
    EXPECT_EQ(count(outcome.err, "End "), reports);
    EXPECT_EQ(outcome.err.find("opt."), std::string::npos) << "the letter g leaves that out";
}

TEST_P(WorkingOptions, OversizeThresholdGivesFreedBlocksBackAtOnce) {
    const Remains usual = remains("dirty_decay_ms:-1");
    EXPECT_GT(usual.kept, 200);
    EXPECT_LT(usual.purged, 30);
    const Remains eager = remains("dirty_decay_ms:-1,oversize_threshold:4194304");
    EXPECT_LT(eager.kept, 30);
    const Remains above = remains("dirty_decay_ms:-1,oversize_threshold:4194305");
    EXPECT_GT(above.kept, 200);
}

TEST_P(WorkingOptions, WithoutRetainAddressSpaceGoesBackToo) {
    EXPECT_GT(remains("dirty_decay_ms:-1").space, 200);
    EXPECT_LT(remains("dirty_decay_ms:-1,retain:false").space, 150);
    EXPECT_LT(remains("dirty_decay_ms:-1,retain:false,oversize_threshold:1").space, 150);
}

TEST_P(WorkingOptions, CallocMadviseThresholdLetsTheKernelZero) {
    EXPECT_EQ(said("dirty_decay_ms:-1", "calloc"), "writing\n");
    EXPECT_EQ(said("dirty_decay_ms:-1,calloc_madvise_threshold:33554432", "calloc"), "kernel\n");
    EXPECT_EQ(said("dirty_decay_ms:-1,calloc_madvise_threshold:33554433", "calloc"), "writing\n");
}

TEST_P(WorkingOptions, ThpAsksForHugePagesOrForbidsThem) {
    EXPECT_EQ(said("thp:always", "huge-pages"), "11 00\n");
    EXPECT_EQ(said("thp:never", "huge-pages"), "00 11\n");
    EXPECT_EQ(said("thp:default", "huge-pages"), "00 00\n");
    EXPECT_EQ(said("thp:always,metadata_thp:always,trust_madvise:true", "huge-pages"), "11 00\n");
}

TEST_P(WorkingOptions, TcacheMaxLeavesLargerSizesToTheArena) {
    EXPECT_EQ(said("", "cached"), "32768 kept kept\n");
    EXPECT_EQ(said("tcache_max:1024", "cached"), "1024 kept returned\n");
    EXPECT_EQ(said("lg_tcache_max:10", "cached"), "1024 kept returned\n");
}

TEST_P(WorkingOptions, BackgroundThreadsComeGoAndComeBack) {
    said("background_thread:true,narenas:64", "background");
}

TEST_P(WorkingOptions, LocksThatNeverSleepStillHandOver) {
    said("mutex_max_spin:-1", "contended");
    said("mutex_max_spin:0", "contended");
}

std::string name_of(const testing::TestParamInfo<bool>& form) {
    return form.param ? "preloaded" : "prefixed";
}

INSTANTIATE_TEST_SUITE_P(Under, WorkingOptions, testing::Values(false, true), name_of);

}  // namespace
}  // namespace granary::tests
