// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// ctl_test.cpp — names, MIBs, access, lengths and the epoch, over a fake core.
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <granary/ctl/conf.hpp>
#include <granary/ctl/ctl.hpp>

#include "support/ctl_fixture.hpp"

namespace granary::ctl {
namespace {

using tests::Ctl;
using tests::fake_core;

TEST_F(Ctl, UnknownPartialAndMisspelledNamesAreNotThere) {
    for (const char* name : {"", ".", "stats", "stats.", "stats.allocated.", "stats.allocated.x",
                             ".stats", "stats..allocated", "Stats.allocated", "stat.allocated",
                             "stats.allocate", "stats.allocatedd", "arenas.bin.0", "arenas.bin",
                             "thread.tcache", "epoch ", "a.b.c.d.e.f.g.h"}) {
        EXPECT_EQ(act(name), ENOENT) << name;
    }
}

TEST_F(Ctl, NumericComponentsAreDecimalAndInRange) {
    for (const char* name :
         {"arenas.bin.x.size", "arenas.bin..size", "arenas.bin.-1.size", "arenas.bin.0x1.size",
          "arenas.bin.18446744073709551616.size", "arenas.bin.99.size", "stats.arenas.4.pactive",
          "stats.arenas.4095.pactive", "stats.arenas.4097.pactive"}) {
        size_t value = 0;
        size_t length = sizeof value;
        EXPECT_EQ(control(name, &value, &length, nullptr, 0), ENOENT) << name;
    }
    EXPECT_EQ(get<size_t>("arenas.bin.007.size"), core::kSizeClasses[7].size);
}

TEST_F(Ctl, AShortOrLongBufferGetsWhatFitsAndEinval) {
    const auto whole = get<uint64_t>("epoch");
    for (const size_t given : {size_t{0}, size_t{1}, size_t{4}, size_t{7}, size_t{9}, size_t{16}}) {
        std::array<unsigned char, 16> buffer;
        buffer.fill(0xee);
        size_t length = given;
        EXPECT_EQ(control("epoch", buffer.data(), &length, nullptr, 0), EINVAL);
        EXPECT_EQ(length, std::min(given, sizeof whole));
        EXPECT_EQ(std::memcmp(buffer.data(), &whole, length), 0);
        for (size_t i = length; i < buffer.size(); ++i) EXPECT_EQ(buffer[i], 0xee);
    }
}

TEST_F(Ctl, ReadingWithoutABufferOrALengthSucceeds) {
    size_t length = 3;
    uint64_t value = 77;
    EXPECT_EQ(control("epoch", nullptr, &length, nullptr, 0), 0);
    EXPECT_EQ(length, 3U);
    EXPECT_EQ(control("epoch", &value, nullptr, nullptr, 0), 0);
    EXPECT_EQ(value, 77U);
}

TEST_F(Ctl, WritingAReadOnlyNodeIsNotPermitted) {
    size_t value = 1;
    EXPECT_EQ(set<size_t>("stats.allocated", 1), EPERM);
    EXPECT_EQ(control("stats.allocated", nullptr, nullptr, &value, 0), EPERM);
    EXPECT_EQ(control("stats.allocated", nullptr, nullptr, nullptr, 8), EPERM);
    EXPECT_EQ(set<bool>("opt.tcache", false), EPERM);
}

TEST_F(Ctl, AnActionTakesAndGivesNothing) {
    size_t value = 0;
    size_t length = sizeof value;
    const char* const name = "thread.tcache.flush";
    EXPECT_EQ(control(name, &value, nullptr, nullptr, 0), EPERM);
    EXPECT_EQ(control(name, nullptr, &length, nullptr, 0), EPERM);
    EXPECT_EQ(control(name, nullptr, nullptr, &value, 0), EPERM);
    EXPECT_EQ(control(name, nullptr, nullptr, nullptr, 1), EPERM);
    EXPECT_TRUE(fake_core().actions.empty());
    EXPECT_EQ(act(name), 0);
    EXPECT_EQ(fake_core().actions, std::vector<std::string>{"flush"});
}

TEST_F(Ctl, AWriteOfTheWrongLengthChangesNothing) {
    EXPECT_EQ(set<int32_t>("arenas.dirty_decay_ms", 5), EINVAL);
    EXPECT_EQ(fake_core().dirty_decay_ms, 10'000);
    EXPECT_EQ(set<int32_t>("background_thread", 1), EINVAL);
    EXPECT_FALSE(fake_core().background_thread);
    const auto before = get<uint64_t>("epoch");
    EXPECT_EQ(set<uint32_t>("epoch", 1), EINVAL);
    EXPECT_EQ(get<uint64_t>("epoch"), before);
}

TEST_F(Ctl, AReadThatFailsKeepsTheWriteFromHappening) {
    int32_t small = 0;
    size_t length = sizeof small;
    const int64_t ms = 5;
    EXPECT_EQ(control("arenas.dirty_decay_ms", &small, &length, &ms, sizeof ms), EINVAL);
    EXPECT_EQ(fake_core().dirty_decay_ms, 10'000);
}

TEST_F(Ctl, AnExchangeAnswersTheOldValue) {
    int64_t old = 0;
    size_t length = sizeof old;
    const int64_t ms = 5;
    EXPECT_EQ(control("arenas.dirty_decay_ms", &old, &length, &ms, sizeof ms), 0);
    EXPECT_EQ(old, 10'000);
    EXPECT_EQ(get<int64_t>("arenas.dirty_decay_ms"), 5);
}

TEST_F(Ctl, TheEpochGrowsByOnePerWriteAndTheWriteAnswersTheNewOne) {
    const auto before = get<uint64_t>("epoch");
    EXPECT_EQ(get<uint64_t>("epoch"), before);
    uint64_t value = 12345;
    size_t length = sizeof value;
    EXPECT_EQ(control("epoch", &value, &length, &value, sizeof value), 0);
    EXPECT_EQ(value, before + 1);
    refresh();
    EXPECT_EQ(get<uint64_t>("epoch"), before + 2);
}

TEST_F(Ctl, StatisticsChangeOnlyWithTheEpoch) {
    fake_core().heap.allocated = 100;
    fake_core().arenas[1].active = 3 * core::kPageSize;
    refresh();
    EXPECT_EQ(get<size_t>("stats.allocated"), 100U);
    EXPECT_EQ(get<size_t>("stats.arenas.1.pactive"), 3U);
    fake_core().heap.allocated = 200;
    fake_core().arenas[1].active = 5 * core::kPageSize;
    EXPECT_EQ(get<size_t>("stats.allocated"), 100U);
    EXPECT_EQ(get<size_t>("stats.arenas.1.pactive"), 3U);
    refresh();
    EXPECT_EQ(get<size_t>("stats.allocated"), 200U);
    EXPECT_EQ(get<size_t>("stats.arenas.1.pactive"), 5U);
}

TEST_F(Ctl, OneEpochTakesOneSnapshotOfEverything) {
    refresh();
    static_cast<void>(get<size_t>("stats.allocated"));
    static_cast<void>(get<size_t>("stats.mapped"));
    static_cast<void>(get<size_t>("stats.arenas.4096.pdirty"));
    static_cast<void>(get<size_t>("stats.arenas.2.pdirty"));
    static_cast<void>(get<size_t>("stats.arenas.1.bins.3.curregs"));
    static_cast<void>(get<size_t>("stats.arenas.2.bins.3.curregs"));
    static_cast<void>(get<uint64_t>("stats.mutexes.ctl.num_ops"));
    EXPECT_EQ(fake_core().snapshots, 1);
}

TEST_F(Ctl, RowsOfUnusedPagesAreTakenWhenFirstAskedFor) {
    refresh();
    EXPECT_EQ(fake_core().row_walks, 0);
    EXPECT_EQ(get<size_t>("stats.arenas.2.extents.3.ndirty"), 3U);
    EXPECT_EQ(get<size_t>("stats.arenas.2.extents.4.ndirty"), 0U);
    EXPECT_EQ(fake_core().row_walks, 1);
    EXPECT_EQ(get<size_t>("stats.arenas.4096.extents.3.ndirty"), 4U);
    EXPECT_EQ(fake_core().row_walks, 2);
    refresh();
    EXPECT_EQ(get<size_t>("stats.arenas.4096.extents.3.ndirty"), 4U);
    EXPECT_EQ(fake_core().row_walks, 3);
}

TEST_F(Ctl, AnArenaMadeSinceTheEpochHasNothingYet) {
    fake_core().arenas[1].threads = 7;
    fake_core().arenas.resize(5);
    fake_core().arenas[4].threads = 9;
    EXPECT_EQ(get<unsigned>("stats.arenas.4.nthreads"), 0U);
    refresh();
    EXPECT_EQ(get<unsigned>("stats.arenas.4.nthreads"), 9U);
    EXPECT_EQ(get<unsigned>("stats.arenas.1.nthreads"), 7U);
}

TEST_F(Ctl, LocksAnswerTheirCountersAndCanBeReset) {
    fake_core().locks.background = {11, 12, 13, 14, 15, 16};
    fake_core().arenas[1].bins[2].lock = {1, 2, 3, 4, 5, 6};
    fake_core().arenas[1].page_lock.acquired = 77;
    refresh();
    const std::string name = "stats.mutexes.background_thread.";
    EXPECT_EQ(get<uint64_t>(name + "num_ops"), 11U);
    EXPECT_EQ(get<uint64_t>(name + "num_wait"), 12U);
    EXPECT_EQ(get<uint64_t>(name + "num_spin_acq"), 13U);
    EXPECT_EQ(get<uint64_t>(name + "num_owner_switch"), 25U) << "12 after sleep, 13 after spinning";
    EXPECT_EQ(get<uint64_t>(name + "total_wait_time"), 14U);
    EXPECT_EQ(get<uint64_t>(name + "max_wait_time"), 15U);
    EXPECT_EQ(get<uint32_t>(name + "max_num_thds"), 16U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.1.bins.2.mutex.num_wait"), 2U);
    EXPECT_EQ(get<uint32_t>("stats.arenas.1.bins.2.mutex.max_num_thds"), 6U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.1.mutexes.extents_dirty.num_ops"), 77U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.1.mutexes.large.num_ops"), 0U);
    EXPECT_GT(get<uint64_t>("stats.mutexes.ctl.num_ops"), 0U);
    EXPECT_EQ(act("stats.mutexes.reset"), 0);
    refresh();
    EXPECT_EQ(get<uint64_t>(name + "num_ops"), 0U);
}

TEST_F(Ctl, LargeClassesAnswerTheirCounts) {
    fake_core().arenas[0].large_classes[5] = {10, 4, 0};
    refresh();
    EXPECT_EQ(get<uint64_t>("stats.arenas.0.lextents.5.nmalloc"), 10U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.0.lextents.5.nrequests"), 10U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.0.lextents.5.ndalloc"), 4U);
    EXPECT_EQ(get<size_t>("stats.arenas.0.lextents.5.curlextents"), 6U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.0.large.nfills"), 10U);
    EXPECT_EQ(get<size_t>("arenas.lextent.0.size"), 40U * 1024);
    EXPECT_EQ(get<size_t>("arenas.lextent.190.size"), size_t{7} << 60);
}

TEST_F(Ctl, ADecayTimeOfOneArenaIsItsOwn) {
    EXPECT_EQ(set<int64_t>("arena.1.dirty_decay_ms", 5), 0);
    EXPECT_EQ(get<int64_t>("arena.1.dirty_decay_ms"), 5);
    EXPECT_EQ(get<int64_t>("arena.0.dirty_decay_ms"), 0);
    EXPECT_EQ(set<int64_t>("arena.1.muzzy_decay_ms", -2), EFAULT);
    EXPECT_EQ(set<int64_t>("arena.4096.muzzy_decay_ms", 1), EFAULT);
    EXPECT_EQ(set<int64_t>("arena.1.dirty_decay_ms", INT64_MAX), EFAULT);
    EXPECT_EQ(set<int64_t>("arenas.dirty_decay_ms", INT64_MAX), EFAULT);
    EXPECT_EQ(set<int64_t>("arena.9.muzzy_decay_ms", 1), ENOENT);
}

TEST_F(Ctl, DssIsDisabledAndStaysSo) {
    EXPECT_STREQ(get<const char*>("arena.0.dss"), "disabled");
    EXPECT_EQ(set<const char*>("arena.0.dss", "disabled"), 0);
    EXPECT_EQ(set<const char*>("arena.0.dss", "primary"), EFAULT);
    EXPECT_EQ(set<const char*>("arena.0.dss", "elsewhere"), EINVAL);
    EXPECT_EQ(set<const char*>("arena.0.dss", nullptr), EINVAL);
}

TEST_F(Ctl, ProfilingAnswersAsInABuildWithoutIt) {
    for (const char* name : {"prof.active", "prof.dump", "prof.interval", "thread.prof.name",
                             "prof.stats.bins.0.live", "experimental.hooks.prof_sample"}) {
        EXPECT_EQ(act(name), ENOENT) << name;
    }
    EXPECT_EQ(set("prof.active", false), 0);
    EXPECT_EQ(set("prof.active", true), ENOENT);
    EXPECT_EQ(set<uint32_t>("prof.active", 0), EINVAL);
}

TEST_F(Ctl, ThreadsChooseWhatTheyCache) {
    EXPECT_TRUE(get<bool>("thread.tcache.enabled"));
    EXPECT_EQ(set("thread.tcache.enabled", false), 0);
    EXPECT_FALSE(get<bool>("thread.tcache.enabled"));
    EXPECT_EQ(set<size_t>("thread.tcache.max", 4096), 0);
    EXPECT_EQ(get<size_t>("thread.tcache.max"), 4096U);
    const auto slots = [](size_t bytes, int expected) {
        size_t value = 0;
        size_t length = sizeof value;
        EXPECT_EQ(control("thread.tcache.ncached_max.read_sizeclass", &value, &length, &bytes,
                          sizeof bytes),
                  expected);
        return value;
    };
    const char* const name = "thread.tcache.ncached_max.write";
    EXPECT_GT(slots(100, 0), 0U);
    EXPECT_EQ(set<const char*>(name, "64-128:0|1000-2000:5"), 0);
    EXPECT_EQ(slots(100, 0), 0U);
    EXPECT_EQ(slots(129, 0), core::kSizeClasses[core::small_class(129)].magazine_capacity);
    EXPECT_EQ(slots(core::kSmallMax + 1, EINVAL), 0U);
    for (const char* bad : {"", "8", "8-16", "8-16:", "16-8:1", "8-16:1|", "8-16:1,8-16:2",
                            "a-b:1", "8-99999:1", "99999999999999999999-1:1"}) {
        EXPECT_EQ(set<const char*>(name, bad), EINVAL) << bad;
    }
    EXPECT_EQ(set<const char*>(name, nullptr), EINVAL);
}

TEST_F(Ctl, ThePeakIsReadAndReset) {
    fake_core().peak = 99;
    EXPECT_EQ(get<uint64_t>("thread.peak.read"), 99U);
    EXPECT_EQ(act("thread.peak.reset"), 0);
    EXPECT_EQ(get<uint64_t>("thread.peak.read"), 0U);
}

TEST_F(Ctl, OneVariableMayTakeTheOldValueAndGiveTheNew) {
    fake_core().background_thread = false;
    bool both = true;
    size_t length = sizeof both;
    EXPECT_EQ(control("background_thread", &both, &length, &both, sizeof both), 0);
    EXPECT_FALSE(both) << "the old value";
    EXPECT_TRUE(fake_core().background_thread) << "the new one";
    int64_t ms = 77;
    length = sizeof ms;
    EXPECT_EQ(control("arenas.dirty_decay_ms", &ms, &length, &ms, sizeof ms), 0);
    EXPECT_EQ(ms, 10'000);
    EXPECT_EQ(fake_core().dirty_decay_ms, 77);
}

TEST_F(Ctl, AWriteOnlyNodeGivesNothing) {
    const char* const name = "experimental.hooks.safety_check_abort";
    core::MisuseHook hook = [](const char*) {};
    size_t length = sizeof hook;
    EXPECT_EQ(control(name, &hook, &length, &hook, sizeof hook), EPERM);
    EXPECT_EQ(control(name, nullptr, nullptr, nullptr, 0), EINVAL);
    EXPECT_EQ(control(name, nullptr, nullptr, &hook, 4), EINVAL);
    EXPECT_EQ(fake_core().misuse_hook, nullptr);
    EXPECT_EQ(set(name, hook), 0);
    EXPECT_EQ(fake_core().misuse_hook, hook);
}

TEST_F(Ctl, AThreadEventIsARecordThatIsPassedOn) {
    const char* const name = "experimental.hooks.thread_event";
    struct Hook {
        void (*callback)(bool, uint64_t, uint64_t);
        uint64_t interval;
        bool alloc_only;
    } hook{[](bool, uint64_t, uint64_t) {}, 7, true};
    size_t length = sizeof hook;
    EXPECT_EQ(control(name, &hook, &length, &hook, sizeof hook), EPERM);
    EXPECT_EQ(control(name, nullptr, nullptr, nullptr, 0), EINVAL);
    EXPECT_EQ(control(name, nullptr, nullptr, &hook, 17), EINVAL);
    EXPECT_TRUE(fake_core().events.empty());
    EXPECT_EQ(control(name, nullptr, nullptr, &hook, sizeof hook), 0);
    ASSERT_EQ(fake_core().events.size(), 1U);
    EXPECT_EQ(fake_core().events[0].callback, hook.callback);
    EXPECT_EQ(fake_core().events[0].interval, 7U);
    EXPECT_TRUE(fake_core().events[0].allocations_only);
    hook.interval = 0;
    EXPECT_EQ(control(name, nullptr, nullptr, &hook, sizeof hook), EINVAL) << "core refuses it";
}

TEST_F(Ctl, EveryNameIsListedOnceAndUnderstood) {
    std::set<std::string> names;
    visit_names(
        [](void* out, const char* name, const NodeInfo&) {
            EXPECT_TRUE(static_cast<std::set<std::string>*>(out)->insert(name).second) << name;
            return true;
        },
        &names);
    EXPECT_GT(names.size(), 350U);
    EXPECT_EQ(names.count("stats.mutexes.ctl.max_wait_time"), 1U);
    for (const std::string& name : names) {
        std::array<size_t, kMaxDepth> mib{};
        size_t depth = mib.size();
        EXPECT_EQ(name_to_mib(concrete(name).c_str(), mib.data(), &depth), 0) << name;
    }
    int seen = 0;
    visit_names([](void* out, const char*, const NodeInfo&) { return ++*static_cast<int*>(out) < 3; },
                &seen);
    EXPECT_EQ(seen, 3);
}

TEST_F(Ctl, AllArenasTogetherCountHugeBlocksAsLarge) {
    fake_core().heap.large_allocated = 10;
    fake_core().heap.huge_allocated = 32;
    refresh();
    EXPECT_EQ(get<size_t>("stats.arenas.4096.large.allocated"), 42U);
    EXPECT_EQ(get<size_t>("stats.large_allocated"), 10U);
    EXPECT_EQ(get<size_t>("stats.huge_allocated"), 32U);
}

TEST_F(Ctl, BinsOfAnArenaAnswerTheirOwnClass) {
    core::BinSnapshot& bin = fake_core().arenas[2].bins[7];
    bin.live_regions = 1;
    bin.cached_regions = 2;
    bin.runs = 3;
    bin.nonfull_runs = 4;
    bin.runs_made = 5;
    bin.fills = 6;
    bin.flushes = 7;
    bin.regions_made = 8;
    bin.regions_returned = 5;
    refresh();
    EXPECT_EQ(get<size_t>("stats.arenas.2.bins.7.curregs"), 1U);
    EXPECT_EQ(get<size_t>("stats.arenas.2.bins.7.curslabs"), 3U);
    EXPECT_EQ(get<size_t>("stats.arenas.2.bins.7.nonfull_slabs"), 4U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.bins.7.nslabs"), 5U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.bins.7.nfills"), 6U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.bins.7.nflushes"), 7U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.bins.7.nmalloc"), 8U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.bins.7.nrequests"), 8U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.bins.7.ndalloc"), 5U);
    EXPECT_EQ(get<size_t>("stats.arenas.2.bins.7.cached"), 2U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.2.small.nmalloc"), 8U);
    EXPECT_EQ(get<size_t>("stats.arenas.2.bins.6.curregs"), 0U);
    EXPECT_EQ(get<size_t>("stats.arenas.1.bins.7.curregs"), 0U);
}

TEST_F(Ctl, TheIndexAfterTheLastArenaMeansAllEvenIfArenasWereMadeSince) {
    EXPECT_EQ(get<unsigned>("arenas.narenas"), 3U);
    fake_core().arenas.resize(5);
    EXPECT_EQ(act("arena.3.purge"), 0);
    EXPECT_EQ(act("arena.4096.purge"), 0);
    EXPECT_EQ(act("arena.4.purge"), 0);
    EXPECT_EQ(fake_core().actions, (std::vector<std::string>{"purge all", "purge all", "purge 4"}));
    fake_core().actions.clear();
    EXPECT_EQ(get<unsigned>("arenas.narenas"), 5U);
    EXPECT_EQ(act("arena.3.purge"), 0);
    EXPECT_EQ(act("arena.5.decay"), 0);
    EXPECT_EQ(act("arena.1.decay"), 0);
    EXPECT_EQ(act("arena.6.decay"), ENOENT);
    EXPECT_EQ(fake_core().actions, (std::vector<std::string>{"purge 3", "maintain", "decay 1"}));
}

TEST_F(Ctl, DecayTimesBelowMinusOneCannotBe) {
    EXPECT_EQ(set<int64_t>("arenas.dirty_decay_ms", -2), EFAULT);
    EXPECT_EQ(set<int64_t>("arenas.dirty_decay_ms", -1), 0);
    EXPECT_EQ(set<int64_t>("arenas.muzzy_decay_ms", 250), 0);
    EXPECT_EQ(fake_core().dirty_decay_ms, -1);
    EXPECT_EQ(fake_core().muzzy_decay_ms, 250);
}

TEST_F(Ctl, TheBackgroundThreadStartsStopsAndCanFail) {
    bool old = true;
    const bool wanted = true;
    size_t length = sizeof old;
    EXPECT_EQ(control("background_thread", &old, &length, &wanted, sizeof wanted), 0);
    EXPECT_FALSE(old);
    EXPECT_TRUE(get<bool>("background_thread"));
    EXPECT_EQ(set("background_thread", false), 0);
    EXPECT_FALSE(fake_core().background_thread);
    fake_core().can_start_thread = false;
    EXPECT_EQ(set("background_thread", true), EFAULT);
}

TEST_F(Ctl, ThreadCountersAnswerValueAndAddress) {
    fake_core().allocated = 9;
    fake_core().deallocated = 4;
    EXPECT_EQ(get<uint64_t>("thread.allocated"), 9U);
    EXPECT_EQ(get<uint64_t>("thread.deallocated"), 4U);
    EXPECT_EQ(get<uint64_t*>("thread.allocatedp"), &fake_core().allocated);
    EXPECT_EQ(get<uint64_t*>("thread.deallocatedp"), &fake_core().deallocated);
    fake_core().has_counters = false;
    EXPECT_EQ(act("thread.allocatedp"), EAGAIN);
}

TEST_F(Ctl, FlushingAThreadWithoutACacheFails) {
    fake_core().has_thread_cache = false;
    EXPECT_EQ(act("thread.tcache.flush"), EFAULT);
}

TEST_F(Ctl, ClassesAnswerTheirShapeWithJemallocsTypes) {
    EXPECT_EQ(get<unsigned>("arenas.nbins"), core::kSmallClassCount);
    EXPECT_EQ(get<size_t>("arenas.page"), core::kPageSize);
    EXPECT_EQ(get<size_t>("arenas.quantum"), 16U);
    for (unsigned j = 0; j < core::kSmallClassCount; ++j) {
        const std::string bin = "arenas.bin." + std::to_string(j);
        EXPECT_EQ(get<size_t>(bin + ".size"), core::kSizeClasses[j].size);
        EXPECT_EQ(get<uint32_t>(bin + ".nregs"), core::kSizeClasses[j].run_regions);
        EXPECT_EQ(get<size_t>(bin + ".slab_size"),
                  core::kSizeClasses[j].run_pages * core::kPageSize);
    }
}

TEST_F(Ctl, OptionsAnswerTheirStartupValue) {
    const Settings& settings = startup_settings();
    EXPECT_EQ(get<int64_t>("opt.dirty_decay_ms"), settings.signed_number(row("dirty_decay_ms")));
    EXPECT_EQ(get<int64_t>("opt.muzzy_decay_ms"), settings.signed_number(row("muzzy_decay_ms")));
    EXPECT_EQ(get<unsigned>("opt.narenas"), 16U);
    EXPECT_EQ(get<bool>("opt.tcache"), settings.flag(row("tcache")));
}

TEST_F(Ctl, EveryOptionHasItsNodeButThoseThatJemallocHasNoneFor) {
    for (const OptionInfo& option : kOptions) {
        const std::string name = "opt." + std::string(option.name());
        const bool answers = option.has_node && option.effect != Effect::absent;
        EXPECT_EQ(act(name), answers ? 0 : ENOENT) << name;
        size_t mib[2] = {};
        size_t length = 2;
        EXPECT_EQ(name_to_mib(name.c_str(), mib, &length), option.has_node ? 0 : ENOENT) << name;
    }
}

TEST_F(Ctl, OptionTextsAnswerWhereThereWasOne) {
    size_t length = sizeof(const char*);
    const char* text = nullptr;
    for (const char* place : {"symlink", "env_var", "global_var", "global_var_2_conf_harder"}) {
        const std::string name = std::string("opt.malloc_conf.") + place;
        EXPECT_EQ(control(name.c_str(), &text, &length, nullptr, 0), ENOENT) << name;
    }
}

TEST_F(Ctl, EveryReadableNameAnswersItsTypeByNameAndByMib) {
    size_t readable = 0;
    visit_names(
        [](void* out, const char* pattern, const NodeInfo& info) {
            const std::string name = concrete(pattern);
            EXPECT_FALSE(info.doc.empty()) << name;
            if (info.access != "r" || info.doc.find("absent:") == 0)
                return true;
            ++*static_cast<size_t*>(out);
            std::array<size_t, kMaxDepth> mib{};
            size_t depth = mib.size();
            EXPECT_EQ(name_to_mib(name.c_str(), mib.data(), &depth), 0) << name;
            const size_t expected = info.type == "bool"                                  ? 1
                                    : info.type == "unsigned" || info.type == "uint32_t" ? 4
                                                                                         : 8;
            std::array<unsigned char, 8> by_name{};
            std::array<unsigned char, 8> by_mib{};
            size_t length = expected;
            const int result = control(name.c_str(), by_name.data(), &length, nullptr, 0);
            if (name.starts_with("opt.") && result == ENOENT)
                return true;  // of a feature that the build has not, or a text that is not there
            EXPECT_EQ(result, 0) << name;
            EXPECT_EQ(control_by_mib(mib.data(), depth, by_mib.data(), &length, nullptr, 0), 0);
            EXPECT_EQ(length, expected) << name;
            EXPECT_EQ(by_name, by_mib) << name;
            EXPECT_EQ(set<uint64_t>(name, 0), EPERM) << name;
            return true;
        },
        &readable);
    EXPECT_GT(readable, 300U);
}

TEST_F(Ctl, MibsTakeOtherIndicesInTheirNumericPlaces) {
    std::array<size_t, kMaxDepth> mib{};
    size_t depth = mib.size();
    ASSERT_EQ(name_to_mib("arenas.bin.0.size", mib.data(), &depth), 0);
    ASSERT_EQ(depth, 4U);
    for (size_t j = 0; j < core::kSmallClassCount; ++j) {
        mib[2] = j;
        size_t size = 0;
        size_t length = sizeof size;
        EXPECT_EQ(control_by_mib(mib.data(), depth, &size, &length, nullptr, 0), 0);
        EXPECT_EQ(size, core::kSizeClasses[j].size);
    }
    mib[2] = core::kSmallClassCount;
    EXPECT_EQ(control_by_mib(mib.data(), depth, nullptr, nullptr, nullptr, 0), ENOENT);
}

TEST_F(Ctl, PartialNamesGivePartialMibsThatAreNoLeaves) {
    std::array<size_t, kMaxDepth> mib{};
    size_t depth = mib.size();
    ASSERT_EQ(name_to_mib("stats.arenas.1.bins", mib.data(), &depth), 0);
    EXPECT_EQ(depth, 4U);
    EXPECT_EQ(mib[2], 1U);
    EXPECT_EQ(control_by_mib(mib.data(), depth, nullptr, nullptr, nullptr, 0), ENOENT);
}

TEST_F(Ctl, AMibIsCutToTheRoomThereIs) {
    std::array<size_t, kMaxDepth> mib{};
    mib.fill(99);
    size_t depth = 2;
    ASSERT_EQ(name_to_mib("arenas.bin.0.size", mib.data(), &depth), 0);
    EXPECT_EQ(depth, 2U);
    EXPECT_EQ(mib[2], 99U);
}

TEST_F(Ctl, MadeUpMibsAreNotThere) {
    const std::array<size_t, 9> huge{SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
                                     SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    for (size_t depth = 0; depth <= huge.size(); ++depth) {
        EXPECT_EQ(control_by_mib(huge.data(), depth, nullptr, nullptr, nullptr, 0), ENOENT);
    }
    // A leaf's own number behind somebody else's beginning.
    std::array<size_t, 2> stats{};
    std::array<size_t, 2> opt{};
    size_t depth = 2;
    ASSERT_EQ(name_to_mib("stats.mapped", stats.data(), &depth), 0);
    ASSERT_EQ(name_to_mib("opt.tcache", opt.data(), &depth), 0);
    const std::array<size_t, 2> mixed{stats[0], opt[1]};
    EXPECT_EQ(control_by_mib(mixed.data(), 2, nullptr, nullptr, nullptr, 0), ENOENT);
}

TEST_F(Ctl, NullArgumentsAreInvalid) {
    size_t depth = 1;
    size_t mib = 0;
    EXPECT_EQ(control(nullptr, nullptr, nullptr, nullptr, 0), EINVAL);
    EXPECT_EQ(control_by_mib(nullptr, 1, nullptr, nullptr, nullptr, 0), EINVAL);
    EXPECT_EQ(name_to_mib(nullptr, &mib, &depth), EINVAL);
    EXPECT_EQ(name_to_mib("epoch", nullptr, &depth), EINVAL);
    EXPECT_EQ(name_to_mib("epoch", &mib, nullptr), EINVAL);
}

TEST_F(Ctl, TheVersionIsText) {
    const std::string version = get<const char*>("version");
    EXPECT_EQ(std::count(version.begin(), version.end(), '.'), 2) << version;
    EXPECT_STREQ(get<const char*>("config.malloc_conf"), "");
    EXPECT_TRUE(get<bool>("config.stats"));
    EXPECT_FALSE(get<bool>("config.prof"));
}

TEST_F(Ctl, TheLockIsFreeOnBothSidesOfAFork) {
    fork_prepare();
    fork_parent();
    refresh();
    fork_prepare();
    fork_child();
    refresh();
    EXPECT_EQ(fake_core().snapshots, 2);
}

TEST_F(Ctl, ErrnoIsNeverTouched) {
    errno = 4711;
    EXPECT_EQ(act("nowhere"), ENOENT);
    EXPECT_EQ(set<bool>("opt.tcache", true), EPERM);
    EXPECT_EQ(errno, 4711);
}

}  // namespace
}  // namespace granary::ctl
