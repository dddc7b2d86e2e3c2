// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cxx_runtime.hpp — the C++ runtime, if this process has one.
//
// Role        operator new must throw and must call the new-handler, both of which live in the C++
//             runtime library. A C program has none, and must not get one through LD_PRELOAD.
// How         Everything that override_new.cpp needs of the runtime is referenced weakly:
//               1  linked or loaded at start: the linker fills the references in;
//               2  loaded later (a plugin written in C++): found by name when it is needed, in a
//                  library that is already there; nothing is ever loaded;
//               3  absent: nobody in the process can catch, so a failing new ends it with a
//                  message.
//             With (2) the references of the unwind tables stay empty, which unwinders read as "no
//             handler in this frame": exceptions pass through, and the nothrow forms, which have
//             to stop them, leave that to the runtime's own nothrow forms.
#pragma once

#include <cstddef>
#include <new>

// The references that the compiler itself makes for `throw`, `catch` and unwind tables. Assembler,
// because the language has no way to redeclare them.
asm(".weak __gxx_personality_v0\n"
    ".weak __cxa_allocate_exception\n"
    ".weak __cxa_throw\n"
    ".weak __cxa_begin_catch\n"
    ".weak __cxa_end_catch\n"
    ".weak __cxa_call_unexpected\n"
    ".weak _Unwind_Resume\n"
    ".weak _ZSt9terminatev\n"
    ".weak _ZTISt9bad_alloc\n"
    ".weak _ZTVSt9bad_alloc\n"
    ".weak _ZNSt9bad_allocD1Ev\n");

extern "C" {
[[gnu::weak]] void granary_weak_throw() noexcept __asm__("__cxa_throw");
[[gnu::weak]] std::new_handler granary_weak_get_new_handler() noexcept
    __asm__("_ZSt15get_new_handlerv");
[[gnu::weak]] void* dlopen(const char* path, int mode) noexcept;
[[gnu::weak]] void* dlsym(void* handle, const char* name) noexcept;
[[gnu::weak]] int dlclose(void* handle) noexcept;
}

namespace granary::capi {

/// True in case 1.
[[nodiscard]] inline bool has_linked_runtime() noexcept {
    auto* address = &granary_weak_throw;
    // A compiler that makes calls of __cxa_throw itself forgets that it was declared weak, and
    // would fold the comparison.
    asm("" : "+r"(address));
    return address != nullptr;
}

/// A function of a runtime that was loaded after the start (case 2), or nullptr.
[[nodiscard]] void* late_runtime_function(const char* name) noexcept;

/// The program's new-handler, or nullptr.
[[nodiscard]] std::new_handler current_new_handler() noexcept;

/// Throws std::bad_alloc; in a process without a C++ runtime, says so and aborts.
[[noreturn]] void throw_bad_alloc();

}  // namespace granary::capi
