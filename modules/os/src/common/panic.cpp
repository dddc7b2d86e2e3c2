// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// panic.cpp — supplies base::panic(): one line on standard error, then abort.
#include <granary/base/panic.hpp>

#include <cstdlib>

#include <granary/base/fixed_string.hpp>
#include <granary/os/io.hpp>

namespace granary::base {

void panic(std::string_view message) noexcept {
    constexpr size_t kMostCharacters = 1023;
    FixedString<kMostCharacters> line;
    line.append("<granary>: ").append(message);
    line.shorten(kMostCharacters - 1);  // room for the newline: one write, so lines do not mix
    line.append('\n');
    os::write_stderr(line.view());
    std::abort();
}

}  // namespace granary::base
