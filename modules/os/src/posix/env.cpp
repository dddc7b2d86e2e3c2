// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// env.cpp — walks `environ` itself: getenv may be interposed, and may lock.
#include <granary/os/env.hpp>

#include <sys/auxv.h>
#include <unistd.h>
#include <cstring>

namespace granary::os {
namespace {

/// The value if `entry` is "<name>=<value>", else nullptr.
const char* value_if_named(const char* entry, const char* name, size_t name_size) noexcept {
    const bool named = std::strncmp(entry, name, name_size) == 0 && entry[name_size] == '=';
    return named ? entry + name_size + 1 : nullptr;
}

}  // namespace

bool is_secure_mode() noexcept { return getauxval(AT_SECURE) != 0; }

const char* environment(const char* name) noexcept {
    if (environ == nullptr || name == nullptr || *name == '\0' || is_secure_mode()) {
        return nullptr;
    }
    const size_t name_size = std::strlen(name);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (const char* const value = value_if_named(*entry, name, name_size); value != nullptr) {
            return value;
        }
    }
    return nullptr;
}

}  // namespace granary::os
