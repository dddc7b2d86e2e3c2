// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_sources.cpp — where this process's option text comes from.
//
// Locking     load_settings() runs once, before the heap does; everything after it only reads.
#include <array>
#include <cerrno>

#include <unistd.h>

#include <granary/base/fixed_string.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/os/env.hpp>
#include <granary/os/io.hpp>

// Variables that a program may define: `const char* malloc_conf = "narenas:1";`
extern "C" {
extern const char* malloc_conf __attribute__((weak, visibility("default")));
extern const char* granary_conf __attribute__((weak, visibility("default")));
}

namespace granary::ctl {
namespace {

constexpr const char* kLinkPath = "/etc/granary.conf";
constexpr size_t kMaxLinkText = 1024;

constinit Settings g_settings{};

void write_line(void* /*self*/, Severity /*severity*/, std::string_view text) noexcept {
    base::FixedString<400> line("<granary>: ");
    line.append(text).append('\n');
    os::write_stderr(line.view());
}

std::string_view text_of(const char* text) noexcept {
    return text == nullptr ? std::string_view() : std::string_view(text);
}

/// The target of the link, which is option text and not a path; empty if there is no link.
std::string_view link_text(std::array<char, kMaxLinkText>& buffer) noexcept {
    if (os::is_secure_mode())
        return {};
    const int saved = errno;
    const ssize_t size = ::readlink(kLinkPath, buffer.data(), buffer.size());
    errno = saved;
    return size > 0 ? std::string_view(buffer.data(), static_cast<size_t>(size))
                    : std::string_view();
}

std::string_view environment_text(const char* name) noexcept {
    return os::is_secure_mode() ? std::string_view() : text_of(os::environment(name));
}

}  // namespace

Diagnostics stderr_diagnostics() noexcept { return {&write_line, nullptr}; }

const Settings& load_settings(const Diagnostics& diagnostics) noexcept {
    std::array<char, kMaxLinkText> buffer;
    const std::array<ConfSource, 5> sources{{
        {"malloc_conf", &malloc_conf != nullptr ? text_of(malloc_conf) : std::string_view()},
        {"granary_conf", &granary_conf != nullptr ? text_of(granary_conf) : std::string_view()},
        {kLinkPath, link_text(buffer)},
        {"MALLOC_CONF", environment_text("MALLOC_CONF")},
        {"GRANARY_CONF", environment_text("GRANARY_CONF")},
    }};
    g_settings = read_conf(sources, diagnostics);
    return g_settings;
}

const Settings& startup_settings() noexcept { return g_settings; }

}  // namespace granary::ctl
