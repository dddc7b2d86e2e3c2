// SPDX-License-Identifier: Apache-2.0 OR MIT
// harness.cpp — command line, process counters and the report line of the workload programs.
#include "harness.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace workload {
namespace {

[[noreturn]] void usage_error(const char* program, const char* what, std::string_view modes) {
    std::fprintf(
        stderr,
        "%s: %s\nusage: %s [--threads 1..256] [--scale X] [--seed N] [--size 8..2^30]%s%.*s%s\n",
        program, what, program, modes.empty() ? "" : " [--mode ", static_cast<int>(modes.size()),
        modes.data(), modes.empty() ? "" : "]");
    std::exit(2);
}

bool is_mode(std::string_view word, std::string_view modes) {
    while (!modes.empty()) {
        const std::size_t bar = modes.find('|');
        if (modes.substr(0, bar) == word)
            return true;
        if (bar == std::string_view::npos)
            break;
        modes.remove_prefix(bar + 1);
    }
    return false;
}

/// Reads "Name:  123 kB" from /proc/self/status without allocating; -1 if it is not there.
/// VmHWM is used and not ru_maxrss: the latter includes the parent's size at the time of exec.
long status_kib(const char* name) {
    char text[4096];
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -1;
    text[length] = '\0';
    const char* line = std::strstr(text, name);
    return line == nullptr ? -1 : std::strtol(line + std::strlen(name), nullptr, 10);
}

/// The file that defines the named function for this process: tells the caller of the program
/// whether the preload took effect.
const char* defining_file(const char* function) {
    void* address = dlsym(RTLD_DEFAULT, function);
    Dl_info info{};
    if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr)
        return "";
    return info.dli_fname;
}

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

std::uint64_t Options::scaled(std::uint64_t work) const {
    const double product = static_cast<double>(work) * scale;
    return product < 1.0 ? 1 : static_cast<std::uint64_t>(product);
}

Options parse_options(int argc, char** argv, std::string_view modes) {
    Options options;
    options.mode = modes.substr(0, modes.find('|'));
    for (int i = 1; i < argc; i += 2) {
        const std::string_view key = argv[i];
        if (i + 1 >= argc)
            usage_error(argv[0], "an option lacks its value", modes);
        const char* value = argv[i + 1];
        char* end = nullptr;
        errno = 0;
        if (key == "--mode") {
            if (!is_mode(value, modes))
                usage_error(argv[0], "unknown --mode", modes);
            options.mode = value;
            continue;
        }
        const double number = std::strtod(value, &end);
        if (end == value || *end != '\0' || errno != 0 || !(number >= 0))
            usage_error(argv[0], "a value is not a number", modes);
        if (key == "--threads" && number >= 1 && number <= 256) {
            options.threads = static_cast<unsigned>(number);
        } else if (key == "--scale" && number > 0 && number <= 1e6) {
            options.scale = number;
        } else if (key == "--seed" && number <= 0x1p53) {
            options.seed = static_cast<std::uint64_t>(number);
        } else if (key == "--size" && number >= 8 && number <= 0x1p30) {
            options.size = static_cast<std::size_t>(number);
        } else {
            usage_error(argv[0], "unknown option, or a value out of range", modes);
        }
    }
    return options;
}

void fail(const char* what, const void* address) {
    // By write(2): the heap can no longer be trusted, and stdio may allocate.
    char line[160];
    const int length = std::snprintf(line, sizeof line, "workload: %s at %p\n", what, address);
    if (length > 0 && write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0)
        _exit(1);
    _exit(1);
}

void* map_zeroed(std::size_t bytes) {
    void* memory = mmap(nullptr, bytes == 0 ? 1 : bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("no memory for the harness's own arrays", nullptr);
    return memory;
}

void unmap(void* memory, std::size_t bytes) {
    munmap(memory, bytes == 0 ? 1 : bytes);
}

Report::Report(std::string_view workload, const Options& options)
    : workload_(workload), options_(options) {}

Report::Usage Report::usage_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return {static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9,
            seconds_of(usage.ru_utime), seconds_of(usage.ru_stime)};
}

void Report::start() {
    begin_ = usage_now();
}

void Report::mark_steady() {
    steady_kib_ = status_kib("VmRSS:");
}

void Report::stop() {
    end_ = usage_now();
    if (steady_kib_ < 0)
        mark_steady();
}

int Report::print(const Tally& tally) const {
    const long peak_kib = status_kib("VmHWM:");
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const char* by_malloc = defining_file("malloc");
    const char* by_free = defining_file("free");
    const int written = std::printf(
        "{\"workload\": \"%.*s\", \"mode\": \"%.*s\", \"size\": %zu, \"threads\": %u, "
        "\"operations\": %" PRIu64
        ", \"seconds\": %.6f, \"user_seconds\": %.6f, \"system_seconds\": %.6f, "
        "\"peak_rss_kib\": %ld, \"steady_rss_kib\": %ld, \"minor_faults\": %ld, "
        "\"checksum\": %" PRIu64 ", \"malloc_from\": \"%s\", \"free_from\": \"%s\"}\n",
        static_cast<int>(workload_.size()), workload_.data(),
        static_cast<int>(options_.mode.size()), options_.mode.data(), options_.size,
        options_.threads, tally.operations, end_.wall - begin_.wall, end_.user - begin_.user,
        end_.system - begin_.system, peak_kib, steady_kib_, usage.ru_minflt, tally.checksum,
        by_malloc, by_free);
    return written > 0 && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace workload
