// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stepper.cpp — runs a program under ptrace and counts, between its markers, what the allocator
// executes; or only its system calls, at full speed.
//
// Usage       stepper [--preload FILES] [--count steps|calls|all-calls] --out FILE PROGRAM ARGUMENT...
// Role        steps      every instruction inside sections
//             calls      system calls inside sections
//             all-calls  system calls of the process, from exec to exit
// Invariants  S1  An instruction counts from the moment a thread enters the allocator's file until
//                 it has returned from there, wherever it is meanwhile (memset, an allocator's
//                 mmap). Loops of the program count nothing.
//             S2  A thread inherits the section of the one that creates it.
// Exit        0; 1 the program failed; 2 usage; 77 the system does not allow tracing.
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "marker.hpp"
#include "tracee.hpp"

using counts::Code;
using counts::Instruction;
using counts::Marker;

namespace {

constexpr int kNotAllowed = 77;
enum class Mode { kSteps, kCalls, kAllCalls };

struct Call {
    std::uint64_t instructions = 0;
    std::uint64_t atomics = 0;
    std::uint64_t system_calls = 0;
    std::vector<std::uint64_t> path;  // addresses; only the first of each length is kept
};

struct Section {
    std::uint64_t operations = 0;
    std::uint64_t instructions = 0;
    std::uint64_t atomics = 0;
    std::uint64_t system_calls = 0;
    std::vector<std::uint64_t> lengths;  // of each call into the allocator
    std::map<std::uint64_t, std::vector<std::uint64_t>> paths;
    std::map<std::uint64_t, std::uint64_t> by_number;  // system calls
};

struct Thread {
    std::string section;  // empty: not counted
    bool inside = false;  // the allocator has been entered and has not returned
    bool in_system_call = false;
    bool expected = false;  // its creator has told of it
    bool waiting = false;   // it has stopped before that
    std::uint64_t entry_stack = 0;
    std::uint64_t last_address = 0;
    Call call;
};

[[noreturn]] void give_up(const char* what, int status) {
    std::fprintf(stderr, "stepper: %s: %s\n", what, std::strerror(errno));
    std::exit(status);
}

constexpr std::size_t kLongestPath = 200;

class Stepper {
public:
    Stepper(pid_t program, Mode mode) : program_(program), mode_(mode), code_(program) {}

    /// Until the program ends. @return its wait status
    int run();
    void write(const char* path) const;

private:
    void on_stop(pid_t tid, int status);
    void on_clone(pid_t tid, const Thread& creator);
    void on_marker(Thread& thread, const user_regs_struct& registers);
    void on_instruction(Thread& thread, const user_regs_struct& registers);
    void on_system_call(pid_t tid, Thread& thread);
    void close_call(Thread& thread);
    [[nodiscard]] bool stepping(const Thread& thread) const {
        return mode_ == Mode::kSteps && !thread.section.empty();
    }
    void resume(pid_t tid, const Thread& thread, int signal) const;

    pid_t program_;
    Mode mode_;
    Code code_;
    std::map<pid_t, Thread> threads_;
    std::map<std::string, Section> sections_;
};

void Stepper::resume(pid_t tid, const Thread& thread, int signal) const {
    const bool counted = !thread.section.empty();
    const auto request = mode_ == Mode::kAllCalls ? PTRACE_SYSCALL
                         : !counted               ? PTRACE_CONT
                         : mode_ == Mode::kSteps  ? PTRACE_SINGLESTEP
                                                  : PTRACE_SYSCALL;
    // A thread that was killed meanwhile is reported by waitpid.
    if (ptrace(request, tid, nullptr, signal) != 0 && errno != ESRCH)
        give_up("ptrace", 1);
}

void Stepper::close_call(Thread& thread) {
    Section& section = sections_[thread.section];
    section.instructions += thread.call.instructions;
    section.atomics += thread.call.atomics;
    section.system_calls += thread.call.system_calls;
    section.lengths.push_back(thread.call.instructions);
    if (thread.call.instructions <= kLongestPath)
        section.paths.emplace(thread.call.instructions, std::move(thread.call.path));
    thread.call = {};
    thread.inside = false;
}

void Stepper::on_marker(Thread& thread, const user_regs_struct& registers) {
    const std::string text = code_.string_at(registers.rdi);
    if (thread.inside)
        close_call(thread);
    switch (static_cast<Marker>(registers.rax)) {
        case Marker::kReady:
            code_.learn(text);
            break;
        case Marker::kBegin:
            thread.section = text;
            thread.last_address = 0;
            thread.in_system_call = false;
            break;
        case Marker::kEnd:
            sections_[thread.section].operations += registers.rsi;
            thread.section.clear();
            break;
    }
}

/// Called before the instruction at the program counter is executed.
void Stepper::on_instruction(Thread& thread, const user_regs_struct& registers) {
    const Instruction& instruction = code_.at(registers.rip);
    const bool in_allocator = instruction.place == Instruction::Place::kAllocator;
    if (thread.inside && !in_allocator && registers.rsp > thread.entry_stack)
        close_call(thread);
    if (!thread.inside && in_allocator) {
        thread.inside = true;
        thread.entry_stack = registers.rsp;
    }
    const bool again = instruction.repeated && registers.rip == thread.last_address;
    thread.last_address = registers.rip;
    if (!thread.inside || again || instruction.breakpoint)
        return;
    ++thread.call.instructions;
    thread.call.atomics += instruction.atomic ? 1 : 0;
    thread.call.system_calls += instruction.system_call ? 1 : 0;
    if (instruction.system_call)
        ++sections_[thread.section].by_number[registers.rax];
    if (thread.call.path.size() <= kLongestPath)
        thread.call.path.push_back(code_.file_address(registers.rip));
}

void Stepper::on_system_call(pid_t tid, Thread& thread) {
    thread.in_system_call = !thread.in_system_call;
    if (!thread.in_system_call)
        return;
    user_regs_struct registers{};
    if (ptrace(PTRACE_GETREGS, tid, nullptr, &registers) != 0)
        give_up("ptrace", 1);
    Section& section = sections_[mode_ == Mode::kAllCalls ? "process" : thread.section];
    ++section.system_calls;
    ++section.by_number[registers.orig_rax];
}

void Stepper::on_clone(pid_t tid, const Thread& creator) {
    unsigned long message = 0;
    if (ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message) != 0)
        give_up("ptrace", 1);
    const auto child = static_cast<pid_t>(message);
    Thread& born = threads_[child];
    born.section = creator.section;  // S2
    born.expected = true;
    if (born.waiting)
        resume(child, born, 0);
}

void Stepper::on_stop(pid_t tid, int status) {
    Thread& thread = threads_[tid];
    int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (!thread.expected) {
        thread.waiting = true;  // a new thread, of which its creator has not told yet
        return;
    }
    if (event == PTRACE_EVENT_CLONE) {
        on_clone(tid, thread);
        signal = 0;
    } else if (event == PTRACE_EVENT_EXEC) {
        sections_.clear();
        signal = 0;
    } else if (signal == (SIGTRAP | 0x80)) {
        on_system_call(tid, thread);
        signal = 0;
    } else if (signal == SIGTRAP) {
        user_regs_struct registers{};
        if (ptrace(PTRACE_GETREGS, tid, nullptr, &registers) != 0)
            give_up("ptrace", 1);
        if (!stepping(thread) || code_.at(thread.last_address).breakpoint)
            on_marker(thread, registers);
        if (stepping(thread))
            on_instruction(thread, registers);
        signal = 0;
    } else if (signal == SIGSTOP) {
        signal = 0;  // how a new thread begins
    }
    resume(tid, thread, signal);
}

int Stepper::run() {
    threads_[program_].expected = true;
    resume(program_, threads_[program_], 0);
    for (;;) {
        int status = 0;
        const pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0)
            give_up("waitpid", 1);
        if (WIFSTOPPED(status)) {
            on_stop(tid, status);
            continue;
        }
        Thread& thread = threads_[tid];
        if (thread.inside && !thread.section.empty())
            close_call(thread);
        threads_.erase(tid);
        if (tid == program_)
            return status;
    }
}

void write_numbers(std::FILE* file, const std::map<std::uint64_t, std::uint64_t>& counts) {
    const char* comma = "";
    for (const auto& [number, count] : counts) {
        std::fprintf(file, "%s\"%llu\": %llu", comma, static_cast<unsigned long long>(number),
                     static_cast<unsigned long long>(count));
        comma = ", ";
    }
}

void write_section(std::FILE* file, const std::string& name, Section section) {
    std::sort(section.lengths.begin(), section.lengths.end());
    const std::size_t calls = section.lengths.size();
    const std::uint64_t median = calls == 0 ? 0 : section.lengths[calls / 2];
    std::fprintf(file,
                 " \"%s\": {\"operations\": %llu, \"instructions\": %llu, \"atomics\": %llu, "
                 "\"system_calls\": %llu, \"calls\": %zu, \"median_call\": %llu, "
                 "\"longest_call\": %llu, \"by_number\": {",
                 name.c_str(), static_cast<unsigned long long>(section.operations),
                 static_cast<unsigned long long>(section.instructions),
                 static_cast<unsigned long long>(section.atomics),
                 static_cast<unsigned long long>(section.system_calls), calls,
                 static_cast<unsigned long long>(median),
                 static_cast<unsigned long long>(calls == 0 ? 0 : section.lengths.back()));
    write_numbers(file, section.by_number);
    std::fputs("}, \"median_path\": [", file);
    const char* comma = "";
    for (const std::uint64_t address : section.paths[median]) {
        std::fprintf(file, "%s%llu", comma, static_cast<unsigned long long>(address));
        comma = ", ";
    }
    std::fputs("]}", file);
}

void Stepper::write(const char* path) const {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr)
        give_up(path, 1);
    std::fprintf(file, "{\"allocator\": \"%s\",\n\"sections\": {\n", code_.allocator().c_str());
    const char* comma = "";
    for (const auto& [name, section] : sections_) {
        std::fputs(comma, file);
        write_section(file, name, section);
        comma = ",\n";
    }
    std::fputs("\n}}\n", file);
    if (std::fclose(file) != 0)
        give_up(path, 1);
}

[[noreturn]] void become(char** command, const char* preload) {
    if (preload != nullptr)
        setenv("LD_PRELOAD", preload, 1);
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
        give_up("tracing is not allowed here", kNotAllowed);
    raise(SIGSTOP);
    execv(command[0], command);
    give_up(command[0], 2);
}

pid_t start(char** command, const char* preload) {
    const pid_t program = fork();
    if (program < 0)
        give_up("fork", 1);
    if (program == 0)
        become(command, preload);
    int status = 0;
    if (waitpid(program, &status, 0) != program)
        give_up("waitpid", 1);
    if (!WIFSTOPPED(status))
        std::exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    const long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
                         PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, program, nullptr, options) != 0)
        give_up("ptrace", 1);
    return program;
}

/// A step is two switches between tracer and program: ten times cheaper on one CPU.
void share_one_cpu() {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;  // only slower
    int cpu = 0;
    while (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed) == 0) ++cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

[[noreturn]] void usage() {
    std::fputs("usage: stepper [--preload FILES] [--count steps|calls|all-calls] --out FILE "
               "PROGRAM ARGUMENT...\n", stderr);
    std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
    const char* preload = nullptr;
    const char* out = nullptr;
    Mode mode = Mode::kSteps;
    int i = 1;
    for (; i + 1 < argc && std::strncmp(argv[i], "--", 2) == 0; i += 2) {
        const std::string key = argv[i];
        const std::string value = argv[i + 1];
        if (key == "--preload")
            preload = argv[i + 1];
        else if (key == "--out")
            out = argv[i + 1];
        else if (key == "--count" && value == "steps")
            mode = Mode::kSteps;
        else if (key == "--count" && value == "calls")
            mode = Mode::kCalls;
        else if (key == "--count" && value == "all-calls")
            mode = Mode::kAllCalls;
        else
            usage();
    }
    if (i >= argc || out == nullptr)
        usage();
    if (mode == Mode::kSteps)
        share_one_cpu();
    Stepper stepper(start(argv + i, preload), mode);
    const int status = stepper.run();
    stepper.write(out);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    std::fprintf(stderr, "stepper: %s ended with %s %d\n", argv[i],
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 1;
}
