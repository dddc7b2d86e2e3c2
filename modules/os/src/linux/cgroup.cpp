// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cgroup.cpp — CPU quotas of cgroup v1 and v2.
//
// A group may use what it and every ancestor allow, so the walk goes from the process's own group
// up to the root of the mount and keeps the smallest. In a container /proc/self/cgroup may name a
// path of the host that does not exist below the mount: those files do not open, and the walk
// still ends at the mount's root, which is the container's group.
#include <granary/os/cpu.hpp>

#include <granary/base/fixed_string.hpp>

namespace granary::os {
namespace {

constexpr size_t kMostPath = 1023;
using Path = base::FixedString<kMostPath>;

/// Cuts the text in front of the first `separator` off `rest`, and drops the separator.
/// (Not by substr(): its range check would pull the C++ runtime in.)
std::string_view cut(std::string_view& rest, char separator) noexcept {
    const size_t found = rest.find(separator);
    const size_t end = found == std::string_view::npos ? rest.size() : found;
    const std::string_view head(rest.data(), end);
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
    return head;
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    while (!text.empty() && text.front() == ' ') {
        text.remove_prefix(1);
    }
    return text;
}

/// A decimal number that is at least 1; 0 for any other text.
uint64_t positive_number(std::string_view text) noexcept {
    uint64_t value = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9' || value > (~uint64_t{0} - 9) / 10) {
            return 0;
        }
        value = value * 10 + static_cast<uint64_t>(digit - '0');
    }
    return value;
}

unsigned whole_cpus(uint64_t quota, uint64_t period) noexcept {
    if (quota == 0 || period == 0) {
        return kUnlimitedCpus;
    }
    const uint64_t cpus = (quota - 1) / period + 1;
    return cpus < kUnlimitedCpus ? static_cast<unsigned>(cpus) : kUnlimitedCpus;
}

bool has_controller(std::string_view list, std::string_view controller) noexcept {
    while (!list.empty()) {
        if (cut(list, ',') == controller) {
            return true;
        }
    }
    return false;
}

/// A group outside of the process's cgroup namespace is shown as a path that climbs.
bool climbs(std::string_view path) noexcept {
    while (!path.empty()) {
        if (cut(path, '/') == "..") {
            return true;
        }
    }
    return false;
}

/// Reads a small file into `out`; empty if it cannot be read.
template <size_t N>
std::string_view read_text(const FileReader& files, const Path& directory, std::string_view name,
                           char (&out)[N]) noexcept {
    Path path = directory;
    path.append('/').append(name);
    if (path.truncated()) {
        return {};
    }
    const long size = files.read(files.self, path.c_str(), out, N);
    return size > 0 ? std::string_view(out, static_cast<size_t>(size)) : std::string_view{};
}

unsigned unified_quota(const FileReader& files, const Path& directory) noexcept {
    char text[64];
    return parse_cpu_max(read_text(files, directory, "cpu.max", text));
}

unsigned cfs_quota(const FileReader& files, const Path& directory) noexcept {
    char quota[64];
    const std::string_view quota_text = read_text(files, directory, "cpu.cfs_quota_us", quota);
    if (quota_text.empty() || quota_text.front() == '-') {
        return kUnlimitedCpus;
    }
    char period[64];
    return parse_cfs_quota(quota_text, read_text(files, directory, "cpu.cfs_period_us", period));
}

/// The smallest quota from `mount` + `group` up to `mount` itself.
unsigned tightest(const FileReader& files, std::string_view mount, std::string_view group,
                  unsigned (*quota_of)(const FileReader&, const Path&) noexcept) noexcept {
    Path directory(mount);
    if (!climbs(group)) {
        directory.append(group);
    }
    if (directory.truncated()) {
        directory.clear();
        directory.append(mount);
    }
    unsigned least = kUnlimitedCpus;
    while (true) {
        // "/a/b/" and "/a/b" are one group.
        while (directory.size() > mount.size() && directory.view().back() == '/') {
            directory.shorten(directory.size() - 1);
        }
        const unsigned quota = quota_of(files, directory);
        least = quota < least ? quota : least;
        if (directory.size() <= mount.size()) {
            return least;
        }
        const size_t slash = directory.view().rfind('/');
        directory.shorten(slash > mount.size() ? slash : mount.size());
    }
}

}  // namespace

unsigned parse_cpu_max(std::string_view text) noexcept {
    text = trimmed(text);
    const std::string_view quota = cut(text, ' ');
    return whole_cpus(positive_number(quota), positive_number(trimmed(text)));
}

unsigned parse_cfs_quota(std::string_view quota, std::string_view period) noexcept {
    return whole_cpus(positive_number(trimmed(quota)), positive_number(trimmed(period)));
}

std::string_view find_unified_cgroup(std::string_view proc_cgroup) noexcept {
    while (!proc_cgroup.empty()) {
        std::string_view line = cut(proc_cgroup, '\n');
        if (line.starts_with("0::")) {
            line.remove_prefix(3);
            return line;
        }
    }
    return {};
}

std::string_view find_controller_cgroup(std::string_view proc_cgroup,
                                        std::string_view controller) noexcept {
    while (!proc_cgroup.empty()) {
        std::string_view line = cut(proc_cgroup, '\n');
        cut(line, ':');
        if (has_controller(cut(line, ':'), controller)) {
            return line;
        }
    }
    return {};
}

unsigned cgroup_cpus(const FileReader& files) noexcept {
    char text[4096];
    const long size = files.read(files.self, "/proc/self/cgroup", text, sizeof text);
    if (size <= 0) {
        return kUnlimitedCpus;
    }
    const std::string_view groups(text, static_cast<size_t>(size));
    unsigned least = kUnlimitedCpus;
    const auto consider = [&least](unsigned quota) { least = quota < least ? quota : least; };
    const std::string_view legacy = find_controller_cgroup(groups, "cpu");
    if (!legacy.empty()) {
        // The controller is in one hierarchy only: where v1 has it, v2 has no cpu.max. The first
        // name is often a link to the second, but not everywhere.
        consider(tightest(files, "/sys/fs/cgroup/cpu", legacy, cfs_quota));
        consider(tightest(files, "/sys/fs/cgroup/cpu,cpuacct", legacy, cfs_quota));
        return least;
    }
    const std::string_view unified = find_unified_cgroup(groups);
    if (!unified.empty()) {
        consider(tightest(files, "/sys/fs/cgroup", unified, unified_quota));
    }
    return least;
}

}  // namespace granary::os
