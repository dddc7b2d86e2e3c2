// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// misuse.hpp — the abort messages for what a program must not do.
//
// Role        One line each: the call, the misuse, the address, the size class.
#pragma once

#include <cstddef>
#include <string_view>

#include "granary/core/control.hpp"

namespace granary::core::misuse {

/// Called with the line before the abort; nullptr for none.
void set_hook(MisuseHook hook) noexcept;

[[noreturn]] void double_free(const void* pointer, size_t size_class_bytes) noexcept;
/// @param call "free", "realloc", "malloc_usable_size", "sized free"
[[noreturn]] void use_after_free(std::string_view call, const void* pointer,
                                 size_t size_class_bytes) noexcept;
[[noreturn]] void never_allocated(std::string_view call, const void* pointer,
                                  size_t size_class_bytes) noexcept;
[[noreturn]] void interior(std::string_view call, const void* pointer,
                           size_t size_class_bytes) noexcept;
[[noreturn]] void foreign(std::string_view call, const void* pointer) noexcept;
[[noreturn]] void wrong_size(const void* pointer, size_t given_bytes,
                             size_t size_class_bytes) noexcept;

}  // namespace granary::core::misuse
