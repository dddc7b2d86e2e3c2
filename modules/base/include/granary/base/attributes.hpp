// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// attributes.hpp — the only place where compiler attributes are spelled.
//
// Role        Names for what the language cannot say: branch weight, inlining, visibility.
// Invariants  A1  no macro here changes what a program means, only how it is compiled.
#pragma once

#define GRANARY_LIKELY(x) (__builtin_expect(static_cast<bool>(x), 1))
#define GRANARY_UNLIKELY(x) (__builtin_expect(static_cast<bool>(x), 0))

/// For hit paths only: the caller's frame must not gain a call.
#define GRANARY_ALWAYS_INLINE inline __attribute__((always_inline))

#define GRANARY_NOINLINE __attribute__((noinline))

/// For slow paths and error reports: out of line, and in a section of their own.
#define GRANARY_COLD __attribute__((noinline, cold))

/// Only the C ABI carries this; everything else is compiled with hidden visibility.
#define GRANARY_EXPORT __attribute__((visibility("default")))

/// For extern declarations that inlined code reaches: without it position-independent code would
/// load their addresses from the global offset table.
#define GRANARY_HIDDEN __attribute__((visibility("hidden")))

/// One `mov %fs:` instead of a call: the variable lives in static TLS, so keep it tiny. A library that
/// is only ever opened late, into processes whose static TLS may be used up, asks for calls instead.
#ifdef GRANARY_OPENED_LATE
#define GRANARY_TLS_INITIAL_EXEC __attribute__((tls_model("local-dynamic")))
#else
#define GRANARY_TLS_INITIAL_EXEC __attribute__((tls_model("initial-exec")))
#endif

/// The unit of false sharing, in bytes. A macro because `alignas` in attributes wants a literal.
#define GRANARY_CACHE_LINE 64
