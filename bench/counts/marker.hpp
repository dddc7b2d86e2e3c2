// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// marker.hpp — how a program tells the stepper which of its instructions to count.
//
// Role        A marker is a breakpoint instruction with its meaning in three registers. Without a
//             stepper the first one ends the program with SIGTRAP.
#pragma once

#include <cstdint>

namespace counts {

enum class Marker : std::uint64_t {
    kReady = 1,  ///< argument: path of the file that defines malloc; it stays loaded
    kBegin = 2,  ///< argument: name of the section that this thread enters
    kEnd = 3,    ///< argument: its name; count: operations done in it
};

inline void mark(Marker marker, const char* text, std::uint64_t count = 0) {
    asm volatile("int3" : : "a"(marker), "D"(text), "S"(count) : "memory");
}

}  // namespace counts
