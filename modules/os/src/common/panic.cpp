// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// panic.cpp — supplies base::panic(): one line on standard error, then abort.
#include <granary/base/panic.hpp>

#include <unistd.h>
#include <atomic>
#include <cstdlib>

#include <granary/base/fixed_string.hpp>
#include <granary/os/io.hpp>

namespace granary::base {

namespace {
constinit std::atomic<bool> g_panicking{false};
}  // namespace

void panic(std::string_view message) noexcept {
    constexpr size_t kMostCharacters = 1023;
    FixedString<kMostCharacters> line;
    line.append("<granary>: ").append(message);
    line.shorten(kMostCharacters - 1);  // room for the newline: one write, so lines do not mix
    line.append('\n');
    // The program's malloc_message may be what went wrong: it is not asked twice.
    if (!g_panicking.exchange(true, std::memory_order_relaxed)) {
        os::write_stderr(line.view());
    } else {
        os::write_all(STDERR_FILENO, line.view());
    }
    std::abort();
}

}  // namespace granary::base
