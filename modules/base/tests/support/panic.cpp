// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// panic.cpp — the panic() of base's own tests, which link nothing above base.
#include <granary/base/panic.hpp>

#include <cstdio>
#include <cstdlib>

namespace granary::base {

void panic(std::string_view message) noexcept {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
    std::abort();
}

}  // namespace granary::base
