// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// panic.hpp — the end of a process that can no longer be trusted, and the checks that lead there.
//
// Role        GRANARY_CHECK for what a program may do wrong, GRANARY_ASSERT for what granary may.
//             panic() is declared here and supplied by os, one of the two upward edges.
// Invariants  P1  panic() allocates nothing, takes no lock and does not return.
//             P2  an assertion that is compiled out evaluates nothing.
#pragma once

#include <string_view>

#include <granary/base/attributes.hpp>

#ifndef GRANARY_DEBUG
#define GRANARY_DEBUG 0
#endif

namespace granary::base {

/// Writes `<granary>: <message>` and a newline to standard error, then aborts.
///
/// @param message   text without the prefix and without the newline; at most about 1000 characters
///                  are shown.
/// Locks            none; may be called with any lock held, from any thread or signal handler.
[[noreturn]] GRANARY_COLD void panic(std::string_view message) noexcept;

}  // namespace granary::base

#define GRANARY_PANIC_QUOTE(x) #x
#define GRANARY_PANIC_STRING(x) GRANARY_PANIC_QUOTE(x)

/// Checked in every build: `message` is what the user reads, so it names the misuse.
#define GRANARY_CHECK(condition, message)     \
    do {                                      \
        if (GRANARY_UNLIKELY(!(condition))) { \
            ::granary::base::panic(message);  \
        }                                     \
    } while (false)

/// Checked in debug builds: `invariant` is the number in the card of the type, such as "B2".
#if GRANARY_DEBUG
#define GRANARY_ASSERT(condition, invariant)                                                     \
    do {                                                                                         \
        if (GRANARY_UNLIKELY(!(condition))) {                                                    \
            ::granary::base::panic("invariant " invariant " broken: " #condition " at " __FILE__ \
                                   ":" GRANARY_PANIC_STRING(__LINE__));                          \
        }                                                                                        \
    } while (false)
#else
#define GRANARY_ASSERT(condition, invariant) static_cast<void>(sizeof((condition) ? 1 : 0))
#endif
