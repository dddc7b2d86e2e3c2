// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// process.hpp — runs another program and keeps what it said.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace granary::tests {

/// How a program ended.
struct Outcome {
    int status = -1;  ///< as waitpid() gives it
    std::string out;
    std::string err;

    [[nodiscard]] bool exited_with(int code) const {
        return WIFEXITED(status) && WEXITSTATUS(status) == code;
    }
    [[nodiscard]] bool killed_by(int signal) const {
        return WIFSIGNALED(status) && WTERMSIG(status) == signal;
    }
    [[nodiscard]] std::string describe() const {
        std::string text = WIFSIGNALED(status)
                               ? "killed by signal " + std::to_string(WTERMSIG(status))
                               : "exit code " + std::to_string(WEXITSTATUS(status));
        return text + "\nstdout: " + out + "\nstderr: " + err;
    }
};

/// What to run, and where it differs from the caller.
struct Command {
    std::vector<std::string> words;                                ///< the program's path first
    std::vector<std::pair<std::string, std::string>> environment;  ///< added to the caller's
    rlim_t address_space = RLIM_INFINITY;                          ///< RLIMIT_AS in bytes
    unsigned timeout_s = 120;                                      ///< SIGALRM ends it then
};

namespace detail {

[[noreturn]] inline void become(const Command& command, int out, int err) {
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(command.timeout_s);
    std::vector<char*> argv;
    for (const std::string& word : command.words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    for (const auto& [name, value] : command.environment) setenv(name.c_str(), value.c_str(), 1);
    if (command.address_space != RLIM_INFINITY) {
        const rlimit limit = {command.address_space, command.address_space};
        setrlimit(RLIMIT_AS, &limit);
    }
    execv(argv[0], argv.data());
    _exit(127);
}

/// Reads both pipes to their ends, in whatever order the program writes.
inline void drain(int out, int err, Outcome& outcome) {
    pollfd files[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    std::string* const texts[2] = {&outcome.out, &outcome.err};
    for (int open_files = 2; open_files > 0;) {
        if (poll(files, 2, -1) < 0)
            return;
        for (int i = 0; i < 2; ++i) {
            if (files[i].revents == 0)
                continue;
            char bytes[4096];
            const ssize_t length = read(files[i].fd, bytes, sizeof bytes);
            if (length > 0) {
                texts[i]->append(bytes, static_cast<size_t>(length));
            } else {
                files[i].fd = -1;
                --open_files;
            }
        }
    }
}

}  // namespace detail

/// Runs the command to its end.
[[nodiscard]] inline Outcome run(const Command& command) {
    Outcome outcome;
    int out[2];
    int err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        return outcome;
    const pid_t child = fork();
    if (child < 0)
        return outcome;
    if (child == 0)
        detail::become(command, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    detail::drain(out[0], err[0], outcome);
    close(out[0]);
    close(err[0]);
    if (waitpid(child, &outcome.status, 0) != child)
        outcome.status = -1;
    return outcome;
}

}  // namespace granary::tests
