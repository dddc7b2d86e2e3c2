// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_test.cpp — arenas and caches by name, and nodes that take one record and give another.
#include <array>
#include <cerrno>
#include <cstring>

#include "support/ctl_fixture.hpp"

namespace granary::ctl {
namespace {

using tests::Ctl;
using tests::fake_core;

TEST_F(Ctl, ArenasAreMadeOnlyIfTheirIndexCanBeTold) {
    unsigned index = 99;
    size_t length = 4;
    EXPECT_EQ(control("arenas.create", &index, &length, nullptr, 0), 0);
    EXPECT_EQ(index, 3U);
    length = 8;
    uint64_t wide = 0;
    EXPECT_EQ(control("arenas.create", &wide, &length, nullptr, 0), EINVAL);
    EXPECT_EQ(length, 0U);
    EXPECT_EQ(control("arenas.create", nullptr, nullptr, nullptr, 0), EINVAL);
    EXPECT_EQ(fake_core().arenas.size(), 4U);
    core::ExtentHooks hooks{};
    core::ExtentHooks* pointer = &hooks;
    length = 4;
    EXPECT_EQ(control("arenas.create", &index, &length, &pointer, 4), EINVAL);
    EXPECT_EQ(control("arenas.create", &index, &length, &pointer, sizeof pointer), 0);
    EXPECT_EQ(fake_core().hooks, &hooks);
    struct {
        core::ExtentHooks* hooks;
        bool metadata;
    } both{nullptr, true};
    EXPECT_EQ(control("experimental.arenas_create_ext", &index, &length, &both, sizeof both), 0);
    EXPECT_EQ(fake_core().hooks, nullptr);
    EXPECT_EQ(control("experimental.arenas_create_ext", &index, &length, &both, 8), EINVAL);
    fake_core().has_metadata = false;
    EXPECT_EQ(control("arenas.create", &index, &length, nullptr, 0), EAGAIN);
}

TEST_F(Ctl, ADestroyedArenaLeavesItsCountsAndNothingElse) {
    fake_core().arenas[1].dirty_purged = 7;
    fake_core().arenas[1].bins[4].regions_made = 30;
    fake_core().arenas[1].bins[4].regions_returned = 10;
    refresh();
    EXPECT_EQ(act("arena.0.destroy"), EFAULT);
    EXPECT_EQ(act("stats.arenas.4097.pactive"), ENOENT);
    EXPECT_FALSE(get<bool>("arena.4097.initialized"));
    EXPECT_EQ(act("arena.1.destroy"), 0);
    EXPECT_EQ(get<uint64_t>("stats.arenas.4097.dirty_purged"), 7U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.4097.bins.4.nmalloc"), 30U);
    EXPECT_EQ(get<uint64_t>("stats.arenas.4097.bins.4.ndalloc"), 30U);
    EXPECT_EQ(get<size_t>("stats.arenas.4097.pactive"), 0U);
    EXPECT_TRUE(get<bool>("arena.4097.initialized"));
    EXPECT_EQ(act("stats.arenas.1.pactive"), ENOENT);
    EXPECT_FALSE(get<bool>("arena.1.initialized"));
    EXPECT_EQ(act("arena.1.reset"), EFAULT);
    EXPECT_EQ(act("arena.4097.purge"), EFAULT);
}

TEST_F(Ctl, AnArenasNameIsReadIntoTheCallersText) {
    char text[core::kArenaNameSize] = {};
    char* pointer = text;
    size_t length = sizeof pointer;
    EXPECT_EQ(control("arena.1.name", &pointer, &length, nullptr, 0), 0);
    EXPECT_STREQ(text, "auto_1");
    const char* fresh = "pages";
    EXPECT_EQ(control("arena.1.name", &pointer, &length, &fresh, sizeof fresh), 0);
    EXPECT_STREQ(text, "auto_1");
    EXPECT_EQ(control("arena.1.name", &pointer, &length, nullptr, 0), 0);
    EXPECT_STREQ(text, "pages");
    // One buffer for both: the new name is taken before the old one is written.
    std::strcpy(text, "both");
    char* both = text;
    length = sizeof both;
    EXPECT_EQ(control("arena.1.name", &both, &length, &both, sizeof both), 0);
    EXPECT_STREQ(text, fresh);
    EXPECT_EQ(fake_core().names[1], "both");
    EXPECT_EQ(control("arena.4096.name", &pointer, &length, nullptr, 0), EINVAL);
    EXPECT_EQ(set<const char*>("arena.1.name", nullptr), EINVAL);
    length = 4;
    EXPECT_EQ(control("arena.1.name", &pointer, &length, nullptr, 0), EINVAL);
}

TEST_F(Ctl, ThreadsMoveAndPointersAreLookedUp) {
    EXPECT_EQ(get<unsigned>("thread.arena"), 0U);
    EXPECT_EQ(set<unsigned>("thread.arena", 2), 0);
    EXPECT_EQ(get<unsigned>("thread.arena"), 2U);
    EXPECT_EQ(set<unsigned>("thread.arena", 50), EFAULT);
    const void* known = &fake_core();
    const void* foreign = this;
    unsigned index = 99;
    size_t length = sizeof index;
    EXPECT_EQ(control("arenas.lookup", &index, &length, &known, sizeof known), 0);
    EXPECT_EQ(index, 1U);
    EXPECT_EQ(control("arenas.lookup", &index, &length, &foreign, sizeof foreign), EINVAL);
    EXPECT_EQ(control("arenas.lookup", &index, &length, nullptr, 0), EINVAL);
    EXPECT_EQ(control("arenas.lookup", &index, &length, &known, 4), EINVAL);
}

TEST_F(Ctl, ThreadCachesAreMadeFlushedAndDestroyed) {
    EXPECT_EQ(get<unsigned>("tcache.create"), 5U);
    EXPECT_EQ(set<unsigned>("tcache.create", 1), EPERM);
    EXPECT_EQ(set<unsigned>("tcache.flush", 5), 0);
    EXPECT_EQ(set<unsigned>("tcache.flush", 6), EFAULT);
    EXPECT_EQ(set<unsigned>("tcache.destroy", 5), 0);
    EXPECT_EQ(set<uint64_t>("tcache.destroy", 5), EINVAL);
}

TEST_F(Ctl, HooksAreReadAndExchanged) {
    core::ExtentHooks hooks{};
    EXPECT_NE(get<core::ExtentHooks*>("arena.1.extent_hooks"), nullptr);
    EXPECT_EQ(set("arena.1.extent_hooks", &hooks), 0);
    EXPECT_EQ(get<core::ExtentHooks*>("arena.1.extent_hooks"), &hooks);
    EXPECT_EQ(set<core::ExtentHooks*>("arena.1.extent_hooks", nullptr), EFAULT);
    EXPECT_EQ(set("arena.4096.extent_hooks", &hooks), EFAULT);
}

TEST_F(Ctl, UtilizationIsAskedForOnePointerOrMany) {
    const void* pointers[] = {&fake_core(), this};
    std::array<size_t, 6> answer{};
    size_t length = 6 * sizeof(size_t);
    const char* const one = "experimental.utilization.query";
    EXPECT_EQ(control(one, answer.data(), &length, &pointers[0], sizeof(void*)), 0);
    EXPECT_EQ(answer[0], reinterpret_cast<size_t>(&fake_core()));
    EXPECT_EQ(answer[5], 5U);
    length = 5 * sizeof(size_t);
    EXPECT_EQ(control(one, answer.data(), &length, &pointers[0], sizeof(void*)), EINVAL);
    EXPECT_EQ(control(one, nullptr, nullptr, &pointers[0], sizeof(void*)), EINVAL);
    const char* const many = "experimental.utilization.batch_query";
    length = 6 * sizeof(size_t);
    EXPECT_EQ(control(many, answer.data(), &length, pointers, sizeof pointers), 0);
    EXPECT_EQ(answer, (std::array<size_t, 6>{1, 2, 3, 0, 0, 0}));
    EXPECT_EQ(control(many, answer.data(), &length, pointers, 12), EINVAL);
    EXPECT_EQ(control(many, answer.data(), &length, pointers, 8), EINVAL);
    EXPECT_EQ(control(many, answer.data(), &length, nullptr, 0), EINVAL);
}

TEST_F(Ctl, ABatchIsMadeOnlyIfItsCountCanBeTold) {
    void* out[3] = {};
    struct {
        void** out;
        size_t count;
        size_t size;
        int flags;
    } batch{out, 3, 100, 6};
    size_t made = 0;
    size_t length = sizeof made;
    const char* const name = "experimental.batch_alloc";
    EXPECT_EQ(control(name, &made, &length, &batch, sizeof batch), 0);
    EXPECT_EQ(made, 3U);
    EXPECT_EQ(out[2], &fake_core());
    EXPECT_EQ(fake_core().actions, std::vector<std::string>{"batch 100 64"});
    length = 4;
    EXPECT_EQ(control(name, &made, &length, &batch, sizeof batch), EINVAL);
    EXPECT_EQ(length, 0U);
    length = sizeof made;
    EXPECT_EQ(control(name, &made, &length, &batch, 8), EINVAL);
    batch.out = nullptr;
    EXPECT_EQ(control(name, &made, &length, &batch, sizeof batch), EINVAL);
    EXPECT_EQ(fake_core().actions.size(), 1U);
}

}  // namespace
}  // namespace granary::ctl
