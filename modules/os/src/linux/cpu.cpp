// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cpu.cpp — the affinity mask and the files of the process's cgroup.
#include <granary/os/cpu.hpp>

#include <granary/base/bits.hpp>
#include <granary/os/io.hpp>

#include "linux/raw_syscall.hpp"

namespace granary::os {

unsigned affinity_cpus() noexcept {
    constexpr size_t kMostCpus = 8192;  // the kernel's largest configuration
    uint64_t mask[kMostCpus / 64] = {};
    const long size = raw::call(SYS_sched_getaffinity, 0, sizeof mask, mask);
    if (raw::failed(size)) {
        return 1;
    }
    unsigned count = 0;
    for (const uint64_t word : mask) {
        count += base::popcount(word);
    }
    return count > 0 ? count : 1;
}

unsigned usable_cpus() noexcept {
    const FileReader files = {
        .self = nullptr,
        .read = [](void*, const char* path, char* out,
                   size_t size) noexcept { return read_file(path, out, size); },
    };
    const unsigned allowed = affinity_cpus();
    const unsigned quota = cgroup_cpus(files);
    return quota < allowed ? quota : allowed;
}

}  // namespace granary::os
