// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// process_test.cpp — what only a process of its own can show: preloading, option text from outside,
//                    the report at exit, set-user-id.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

struct Outcome {
    int exit_code = -1;  ///< -1 if a signal ended it
    int signal = 0;
    std::string out;
    std::string err;
};

using Environment = std::map<std::string, std::string>;

std::string drain(int descriptor) {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(descriptor, buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<size_t>(n));
    }
    close(descriptor);
    return text;
}

/// Runs a program with nothing but `environment`.
Outcome run(std::vector<std::string> arguments, const Environment& environment) {
    int out[2];
    int err[2];
    if (pipe(out) != 0 || pipe(err) != 0)
        return {};
    std::vector<std::string> pairs;
    for (const auto& [name, value] : environment) pairs.push_back(name + "=" + value);
    std::vector<char*> argv;
    std::vector<char*> envp;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    for (std::string& pair : pairs) envp.push_back(pair.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]);
        close(err[0]);
        execve(argv[0], argv.data(), envp.data());
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    Outcome outcome;
    outcome.out = drain(out[0]);  // Little text on either pipe: no need to read both at once.
    outcome.err = drain(err[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status))
        outcome.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        outcome.signal = WTERMSIG(status);
    return outcome;
}

size_t lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Preload, ACProgramGetsNoCxxRuntime) {
    const Outcome outcome = run({PLAIN, "maps"}, {{"LD_PRELOAD", OVERRIDE_LIBRARY}});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out, "no C++ runtime\n");
    EXPECT_EQ(outcome.err, "");
}

TEST(Preload, TrueIsTrue) {
    const Outcome outcome = run({"/bin/true"}, {{"LD_PRELOAD", OVERRIDE_LIBRARY}});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
}

TEST(Preload, APluginWithCxxThrowsAndCatches) {
    const Outcome outcome = run({PLAIN, "plugin", PLUGIN}, {{"LD_PRELOAD", OVERRIDE_LIBRARY}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.signal, 0) << outcome.err;
}

TEST(Preload, AFailingNewWithoutACxxRuntimeAbortsWithALine) {
    const Outcome outcome = run({PLAIN, "new"}, {{"LD_PRELOAD", OVERRIDE_LIBRARY}});
    EXPECT_EQ(outcome.signal, SIGABRT);
    EXPECT_EQ(outcome.err,
              "<granary>: operator new: out of memory, and no C++ runtime to throw "
              "std::bad_alloc\n");
}

TEST(Options, TheProgramsVariableIsRead) {
    const Outcome outcome = run({PROBE}, {});
    EXPECT_EQ(outcome.out, "narenas 3 dirty 100 muzzy 0\n");
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(run({PROBE_STATIC}, {}).out, outcome.out);
}

TEST(Options, TheEnvironmentWinsAndGranarysOwnVariableMost) {
    EXPECT_EQ(run({PROBE}, {{"MALLOC_CONF", "dirty_decay_ms:7,muzzy_decay_ms:8"}}).out,
              "narenas 3 dirty 7 muzzy 8\n");
    EXPECT_EQ(run({PROBE}, {{"GRANARY_CONF", "muzzy_decay_ms:9"},
                            {"MALLOC_CONF", "dirty_decay_ms:7,muzzy_decay_ms:8"}})
                  .out,
              "narenas 3 dirty 7 muzzy 9\n");
}

TEST(Options, ABadPairGetsOneLineAndTheRestIsRead) {
    const Outcome outcome = run({PROBE}, {{"MALLOC_CONF", "dirty_decay:1,narenas:2"}});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out, "narenas 2 dirty 100 muzzy 0\n");
    EXPECT_EQ(outcome.err,
              "<granary>: MALLOC_CONF: unknown option in 'dirty_decay:1'; the nearest known one is "
              "'dirty_decay_ms'\n");
}

TEST(Options, AbortConfEndsTheProgramAfterAllLines) {
    const Outcome outcome = run({PROBE}, {{"GRANARY_CONF", "abort_conf:true,bad:1,narenas:x"}});
    EXPECT_EQ(outcome.signal, SIGABRT);
    EXPECT_EQ(lines(outcome.err), 3U) << outcome.err;
    EXPECT_NE(outcome.err.find("<granary>: abort_conf:true"), std::string::npos);
}

TEST(Options, ConfirmConfPrintsEverySetting) {
    const Outcome outcome = run({PROBE}, {{"GRANARY_CONF", "confirm_conf:true"}});
    EXPECT_EQ(outcome.err,
              "<granary>: malloc_conf: sets 'narenas:3'\n"
              "<granary>: malloc_conf: sets 'dirty_decay_ms:100'\n"
              "<granary>: GRANARY_CONF: sets 'confirm_conf:true'\n");
}

TEST(Options, StatsPrintReportsOnceAtExit) {
    const Outcome outcome = run({PROBE}, {{"MALLOC_CONF", "stats_print:true"}});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err.find("___ Begin jemalloc statistics ___"), 0U);
    EXPECT_EQ(outcome.err.rfind("___ Begin jemalloc statistics ___"), 0U);
    EXPECT_NE(outcome.err.find("opt.narenas: 3\n"), std::string::npos);
}

TEST(Options, AProgramWithMoreRightsThanItsCallerIgnoresTheEnvironment) {
    if (geteuid() != 0)
        GTEST_SKIP() << "needs root to make a set-user-id copy";
    const std::string copy = std::filesystem::temp_directory_path() / "granary_probe_setuid";
    struct statvfs file_system {};
    ASSERT_EQ(statvfs(std::filesystem::temp_directory_path().c_str(), &file_system), 0);
    if ((file_system.f_flag & ST_NOSUID) != 0) {
        GTEST_SKIP() << "needs a temporary directory that is not mounted nosuid";
    }
    std::filesystem::copy_file(PROBE_STATIC, copy,
                               std::filesystem::copy_options::overwrite_existing);
    constexpr uid_t kNobody = 65534;
    ASSERT_EQ(chown(copy.c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(chmod(copy.c_str(), 04755), 0);
    const Outcome outcome = run(
        {copy}, {{"MALLOC_CONF", "narenas:5,stats_print:true,bad"}, {"GRANARY_CONF", "narenas:6"}});
    std::filesystem::remove(copy);
    EXPECT_EQ(outcome.out, "narenas 3 dirty 100 muzzy 0\n");
    EXPECT_EQ(outcome.err, "");
}

}  // namespace
