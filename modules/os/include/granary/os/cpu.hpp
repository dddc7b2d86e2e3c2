// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cpu.hpp — how many CPUs this process may use at once, and the pause of a spinning loop.
//
// Role        The number of automatic arenas follows usable_cpus(). The functions over text are
//             public so that cgroup layouts can be tested without having them.
// Source      Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max) and
//             scheduler/sched-bwc.rst (cpu.cfs_quota_us); proc_pid_cgroup(5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace granary::os {

/// The smaller of the affinity mask's count and the CPU quota of the process's cgroup and all its
/// ancestors, rounded up; at least 1.
///
/// Cost   asks the kernel every time: one system call, and three per file of the cgroup path
///        (about 20 in a container). Remember the result.
[[nodiscard]] unsigned usable_cpus() noexcept;

/// CPUs in the affinity mask of the calling thread; 1 if the kernel does not say.
[[nodiscard]] unsigned affinity_cpus() noexcept;

/// Tells the CPU that this is a spinning loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#else
    __asm__ __volatile__("" ::: "memory");
#endif
}

/// What a quota of one cgroup allows: whole CPUs, rounded up. kUnlimited if it allows all.
inline constexpr unsigned kUnlimitedCpus = ~0U;

/// cgroup v2: the text of `cpu.max`, "<quota|max> <period>" in microseconds.
/// Text that is not of this form limits nothing.
[[nodiscard]] unsigned parse_cpu_max(std::string_view text) noexcept;

/// cgroup v1: the texts of `cpu.cfs_quota_us` (-1 for none) and `cpu.cfs_period_us`.
[[nodiscard]] unsigned parse_cfs_quota(std::string_view quota, std::string_view period) noexcept;

/// The path of the process in the unified hierarchy, from the text of /proc/self/cgroup: the line
/// "0::<path>". Empty if there is none.
[[nodiscard]] std::string_view find_unified_cgroup(std::string_view proc_cgroup) noexcept;

/// The path of the process in the v1 hierarchy that has `controller` ("cpu"): the line
/// "<id>:<controller>[,<controller>…]:<path>". Empty if there is none.
[[nodiscard]] std::string_view find_controller_cgroup(std::string_view proc_cgroup,
                                                      std::string_view controller) noexcept;

/// How files are read: read_file() in a program, a table of texts in a test.
struct FileReader {
    void* self;
    /// Reads the start of the file; bytes read, or -1 if it cannot be read.
    long (*read)(void* self, const char* path, char* out, size_t size) noexcept;
};

/// The tightest CPU quota over the process's cgroup and all ancestors, in both versions.
[[nodiscard]] unsigned cgroup_cpus(const FileReader& files) noexcept;

}  // namespace granary::os
