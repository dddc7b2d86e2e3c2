// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// raw_syscall.hpp — system calls that bypass the C library.
//
// Role        The only way os enters the kernel, apart from the vDSO clock and POSIX threads: no
//             errno, no cancellation point, no wrapper that somebody interposed.
// Invariants  S1  a result in -4095 .. -1 is a negated error number, anything else is a value.
//             S2  errno is untouched.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include <granary/base/attributes.hpp>

namespace granary::os::raw {

static_assert(sizeof(long) == sizeof(void*) && sizeof(long) == 8, "granary runs on 64-bit Linux");

#if defined(__x86_64__)

GRANARY_ALWAYS_INLINE long enter(long number, long a, long b, long c, long d, long e,
                                 long f) noexcept {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ __volatile__("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

GRANARY_ALWAYS_INLINE long enter(long number, long a, long b, long c, long d, long e,
                                 long f) noexcept {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ __volatile__("svc #0"
                         : "+r"(x0)
                         : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                         : "memory", "cc");
    return x0;
}

#else

inline long enter(long number, long a, long b, long c, long d, long e, long f) noexcept {
    const int saved = errno;
    long result = ::syscall(number, a, b, c, d, e, f);
    if (result == -1) {
        result = -errno;
    }
    errno = saved;
    return result;
}

#endif

/// A pointer or an integer as the kernel takes it.
template <class T>
GRANARY_ALWAYS_INLINE long word(T value) noexcept {
    if constexpr (std::is_null_pointer_v<T>) {
        return 0;
    } else if constexpr (std::is_pointer_v<T>) {
        // SAFETY: the kernel takes addresses in integer registers.
        return static_cast<long>(reinterpret_cast<uintptr_t>(value));
    } else {
        static_assert(std::integral<T>);
        return static_cast<long>(value);
    }
}

/// Calls the kernel with up to six arguments.
template <class A = long, class B = long, class C = long, class D = long, class E = long,
          class F = long>
GRANARY_ALWAYS_INLINE long call(long number, A a = {}, B b = {}, C c = {}, D d = {}, E e = {},
                                F f = {}) noexcept {
    return enter(number, word(a), word(b), word(c), word(d), word(e), word(f));
}

[[nodiscard]] constexpr bool failed(long result) noexcept {
    constexpr long kMostNegativeError = -4095;
    return result < 0 && result >= kMostNegativeError;
}

}  // namespace granary::os::raw
