// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cpu_test.cpp — quotas from texts of real cgroup layouts, and the affinity of this process.
#include <granary/os/cpu.hpp>

#include <sched.h>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace granary::os {
namespace {

/// A file system of texts that remembers what was asked for.
struct FakeFiles {
    std::map<std::string, std::string> texts;
    std::vector<std::string> asked;

    FileReader reader() {
        return {.self = this,
                .read = [](void* self, const char* path, char* out, size_t size) noexcept -> long {
                    auto& files = *static_cast<FakeFiles*>(self);
                    files.asked.emplace_back(path);
                    const auto found = files.texts.find(path);
                    if (found == files.texts.end()) {
                        return -1;
                    }
                    const size_t count = std::min(size, found->second.size());
                    std::memcpy(out, found->second.data(), count);
                    return static_cast<long>(count);
                }};
    }

    unsigned cpus() { return cgroup_cpus(reader()); }
};

TEST(CpuMax, RoundsTheQuotaUpToWholeCpus) {
    EXPECT_EQ(parse_cpu_max("100000 100000\n"), 1U);
    EXPECT_EQ(parse_cpu_max("150000 100000\n"), 2U);
    EXPECT_EQ(parse_cpu_max("200000 100000\n"), 2U);
    EXPECT_EQ(parse_cpu_max("200001 100000\n"), 3U);
    EXPECT_EQ(parse_cpu_max("1000 100000\n"), 1U);
    EXPECT_EQ(parse_cpu_max("50000 10000"), 5U);
}

TEST(CpuMax, MaxAndAnythingMalformedLimitNothing) {
    for (const char* text :
         {"max 100000\n", "max", "", "\n", "100000", "100000 ", "100000 0", "0 100000", "-1 100000",
          "1e5 100000", " ", "99999999999999999999999 1", "100000 99999999999999999999999"}) {
        EXPECT_EQ(parse_cpu_max(text), kUnlimitedCpus) << "\"" << text << "\"";
    }
}

TEST(CfsQuota, MinusOneLimitsNothingAndAQuotaRoundsUp) {
    EXPECT_EQ(parse_cfs_quota("-1\n", "100000\n"), kUnlimitedCpus);
    EXPECT_EQ(parse_cfs_quota("250000\n", "100000\n"), 3U);
    EXPECT_EQ(parse_cfs_quota("250000\n", ""), kUnlimitedCpus);
    EXPECT_EQ(parse_cfs_quota("", "100000\n"), kUnlimitedCpus);
}

TEST(ProcCgroup, TheUnifiedLineIsTheOneOfHierarchyZero) {
    EXPECT_EQ(find_unified_cgroup("0::/user.slice/a\n"), "/user.slice/a");
    EXPECT_EQ(find_unified_cgroup("3:cpu,cpuacct:/x\n1:name=systemd:/y\n0::/z\n"), "/z");
    EXPECT_EQ(find_unified_cgroup("0::/no newline"), "/no newline");
    EXPECT_EQ(find_unified_cgroup("10::/x\n"), "");
    EXPECT_EQ(find_unified_cgroup(""), "");
}

TEST(ProcCgroup, TheControllerIsAWholeNameInTheList) {
    constexpr std::string_view kText =
        "12:cpuset:/set\n5:cpuacct,cpu:/docker/1:2\n1:name=systemd:/init\n0::/u\n";
    EXPECT_EQ(find_controller_cgroup(kText, "cpu"), "/docker/1:2");
    EXPECT_EQ(find_controller_cgroup(kText, "cpuset"), "/set");
    EXPECT_EQ(find_controller_cgroup(kText, "memory"), "");
    EXPECT_EQ(find_controller_cgroup("4:cpu:/only\n", "cpu"), "/only");
    EXPECT_EQ(find_controller_cgroup("4:cpuset:/only\n", "cpu"), "");
}

TEST(CgroupV2, TheProcessesOwnGroupLimits) {
    FakeFiles files{
        {{"/proc/self/cgroup", "0::/app\n"}, {"/sys/fs/cgroup/app/cpu.max", "300000 100000\n"}},
        {}};
    EXPECT_EQ(files.cpus(), 3U);
}

TEST(CgroupV2, TheTightestAncestorLimits) {
    FakeFiles files{{{"/proc/self/cgroup", "0::/slice/service/worker\n"},
                     {"/sys/fs/cgroup/slice/service/worker/cpu.max", "max 100000\n"},
                     {"/sys/fs/cgroup/slice/service/cpu.max", "800000 100000\n"},
                     {"/sys/fs/cgroup/slice/cpu.max", "400000 100000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 4U);
    files.texts["/sys/fs/cgroup/slice/service/worker/cpu.max"] = "50000 100000\n";
    EXPECT_EQ(files.cpus(), 1U);
}

TEST(CgroupV2, EveryAncestorIsAskedOnceUpToTheRootOfTheMount) {
    FakeFiles files{{{"/proc/self/cgroup", "0::/a/b\n"}}, {}};
    EXPECT_EQ(files.cpus(), kUnlimitedCpus);
    EXPECT_EQ(files.asked,
              (std::vector<std::string>{"/proc/self/cgroup", "/sys/fs/cgroup/a/b/cpu.max",
                                        "/sys/fs/cgroup/a/cpu.max", "/sys/fs/cgroup/cpu.max"}));
}

TEST(CgroupV2, AContainersOwnRootLimits) {
    FakeFiles files{
        {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}, {}};
    EXPECT_EQ(files.cpus(), 2U);
    EXPECT_EQ(files.asked.size(), 2U);
}

TEST(CgroupV2, APathOfTheHostThatIsNotVisibleFallsBackToTheMountsRoot) {
    FakeFiles files{{{"/proc/self/cgroup", "0::/docker/0123456789abcdef\n"},
                     {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 2U);
}

TEST(CgroupV2, APathThatClimbsOutOfTheNamespaceIsNotFollowed) {
    FakeFiles files{{{"/proc/self/cgroup", "0::/../../other\n"},
                     {"/sys/fs/cgroup/cpu.max", "200000 100000\n"},
                     {"/sys/fs/cgroup/../../other/cpu.max", "100000 100000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 2U);
}

TEST(CgroupV2, APathTooLongToRememberIsLimitedByTheRootOnly) {
    FakeFiles files{{{"/proc/self/cgroup", "0::/" + std::string(2000, 'x') + "\n"},
                     {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 2U);
}

TEST(CgroupV1, TheQuotaOfTheCpuControllerLimits) {
    FakeFiles files{{{"/proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n"},
                     {"/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "150000\n"},
                     {"/sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n"},
                     {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
                     {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 2U);
}

TEST(CgroupV1, AnAncestorAndTheMountWithoutALinkAreSeen) {
    FakeFiles files{{{"/proc/self/cgroup", "4:cpu,cpuacct:/a/b\n"},
                     {"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"},
                     {"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "600000\n"},
                     {"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "200000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 3U);
}

TEST(CgroupV1, InAHybridTreeTheControllerOfV1Decides) {
    FakeFiles files{{{"/proc/self/cgroup", "4:cpu:/a\n0::/b\n"},
                     {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "500000\n"},
                     {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"}},
                    {}};
    EXPECT_EQ(files.cpus(), 5U);
}

TEST(Cgroup, WithoutProcThereIsNoLimit) {
    FakeFiles files;
    EXPECT_EQ(files.cpus(), kUnlimitedCpus);
}

TEST(Cpu, AffinityIsTheMaskOfTheCallingThread) {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
    EXPECT_EQ(affinity_cpus(), static_cast<unsigned>(CPU_COUNT(&mask)));
    unsigned pinned = 0;
    unsigned usable = 0;
    std::thread([&] {
        size_t first = 0;
        while (!CPU_ISSET(first, &mask)) {
            ++first;
        }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        pinned = affinity_cpus();
        usable = usable_cpus();
    }).join();
    EXPECT_EQ(pinned, 1U);
    EXPECT_EQ(usable, 1U);
}

TEST(Cpu, UsableCpusIsAtLeastOneAndAtMostTheAffinity) {
    EXPECT_GE(usable_cpus(), 1U);
    EXPECT_LE(usable_cpus(), affinity_cpus());
}

}  // namespace
}  // namespace granary::os
