// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_test.cpp — birth, identity, end and fork of threads.
#include <granary/os/thread.hpp>

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include <granary/os/futex.hpp>

namespace granary::os {
namespace {

struct ExitRecord {
    std::atomic<int> calls{0};
    std::atomic<uint32_t> thread{0};
};

void on_exit(void* value) {
    auto& record = *static_cast<ExitRecord*>(value);
    record.calls.fetch_add(1, std::memory_order_relaxed);
    record.thread.store(thread_id(), std::memory_order_relaxed);
}

/// One key per process, however many tests run in it.
bool have_exit_hook() {
    static const bool registered = register_thread_exit(on_exit);
    return registered;
}

TEST(ThreadExit, ThereIsOneHookAndASecondIsRefused) {
    ASSERT_TRUE(have_exit_hook());
    EXPECT_FALSE(register_thread_exit(on_exit));
}

TEST(ThreadExit, TheHookRunsOnceInTheEndingThreadWithItsValue) {
    ASSERT_TRUE(have_exit_hook());
    ExitRecord record;
    uint32_t id = 0;
    bool armed = false;
    std::thread([&] {
        id = thread_id();
        armed = arm_thread_exit(&record);
    }).join();
    EXPECT_TRUE(armed);
    EXPECT_EQ(record.calls.load(std::memory_order_relaxed), 1);
    EXPECT_EQ(record.thread.load(std::memory_order_relaxed), id);
}

TEST(ThreadExit, ArmingAgainReplacesTheValueAndNullptrDisarms) {
    ASSERT_TRUE(have_exit_hook());
    ExitRecord first;
    ExitRecord second;
    std::thread([&] {
        EXPECT_TRUE(arm_thread_exit(&first));
        EXPECT_TRUE(arm_thread_exit(&second));
    }).join();
    EXPECT_EQ(first.calls.load(std::memory_order_relaxed), 0);
    EXPECT_EQ(second.calls.load(std::memory_order_relaxed), 1);
    std::thread([&] {
        EXPECT_TRUE(arm_thread_exit(&first));
        EXPECT_TRUE(arm_thread_exit(nullptr));
    }).join();
    EXPECT_EQ(first.calls.load(std::memory_order_relaxed), 0);
}

TEST(ThreadExit, AThreadThatDidNotArmDoesNotRunTheHook) {
    ASSERT_TRUE(have_exit_hook());
    ExitRecord record;
    std::thread([] {}).join();
    EXPECT_EQ(record.calls.load(std::memory_order_relaxed), 0);
}

TEST(ThreadId, IsTheKernelsAndDiffersBetweenThreads) {
    EXPECT_EQ(thread_id(), static_cast<uint32_t>(syscall(SYS_gettid)));
    uint32_t other = 0;
    std::thread([&other] { other = thread_id(); }).join();
    EXPECT_NE(other, thread_id());
}

struct Seen {
    std::atomic<uint32_t> done{0};
    void* argument = nullptr;
    bool all_blocked = false;
};

void look_around(void* argument) {
    auto& seen = *static_cast<Seen*>(argument);
    seen.argument = argument;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    seen.all_blocked = true;
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGPROF, SIGCHLD, SIGALRM}) {
        seen.all_blocked = seen.all_blocked && sigismember(&mask, signal) == 1;
    }
    // ORDER: release, publishes the fields above to the waiting test.
    seen.done.store(1, std::memory_order_release);
    futex_wake(seen.done, 1);
}

TEST(SpawnThread, RunsTheBodyWithItsArgumentAndAllSignalsBlocked) {
    Seen seen;
    Thread thread;
    ASSERT_TRUE(spawn_thread(look_around, &seen, &thread));
    EXPECT_TRUE(join_thread(thread));
    EXPECT_EQ(seen.argument, &seen);
    EXPECT_TRUE(seen.all_blocked);
}

TEST(SpawnThread, LeavesTheCallersSignalMaskAsItWas) {
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    Seen seen;
    Thread thread;
    ASSERT_TRUE(spawn_thread(look_around, &seen, &thread));
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_TRUE(join_thread(thread));
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
        EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
    }
}

TEST(SpawnThread, JoinsOnlyOnce) {
    Thread never_started;
    EXPECT_FALSE(join_thread(never_started));
    Seen seen;
    Thread thread;
    ASSERT_TRUE(spawn_thread(look_around, &seen, &thread));
    EXPECT_TRUE(join_thread(thread));
    EXPECT_FALSE(join_thread(thread));
}

TEST(SpawnThread, ADetachedThreadRunsOnItsOwn) {
    static Seen seen;  // outlives a thread that nobody joins
    // ORDER: relaxed resets are seen by the thread because it starts afterwards.
    seen.done.store(0, std::memory_order_relaxed);
    ASSERT_TRUE(spawn_thread(look_around, &seen));
    // ORDER: acquire, pairs with the release in look_around().
    while (seen.done.load(std::memory_order_acquire) == 0) {
        futex_wait(seen.done, 0);
    }
    EXPECT_EQ(seen.argument, &seen);
}

int g_prepared = 0;
int g_parent = 0;
int g_child = 0;

TEST(ForkHandlers, RunBeforeAndAfterInTheRightProcess) {
    ASSERT_TRUE(
        register_fork_handlers([] { ++g_prepared; }, [] { ++g_parent; }, [] { ++g_child; }));
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        _exit(g_prepared == 1 && g_parent == 0 && g_child == 1 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(g_prepared, 1);
    EXPECT_EQ(g_parent, 1);
    EXPECT_EQ(g_child, 0);
}

}  // namespace
}  // namespace granary::os
