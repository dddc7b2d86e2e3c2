// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// io.hpp — bytes to and from file descriptors, without allocating and without stdio.
//
// Invariants  I1  a signal that interrupts a call does not lose or repeat bytes.
//             I2  errno is untouched.
#pragma once

#include <cstddef>
#include <string_view>

namespace granary::os {

/// Takes messages in the place of standard error; false if it does not want them now. `text` is
/// zero-terminated.
using MessageSink = bool (*)(const char* text) noexcept;

/// Sends what write_stderr() is given to `sink` from now on: the program's malloc_message. One of
/// the upward edges (ARCHITECTURE.md).
void redirect_messages(MessageSink sink) noexcept;

/// Writes a message, to standard error unless a sink takes it; what cannot be written is lost.
void write_stderr(std::string_view text) noexcept;

/// Writes everything; false if the descriptor stops taking bytes.
bool write_all(int descriptor, std::string_view text) noexcept;

/// Reads a file from its start until it ends or `size` bytes are there.
/// @return   bytes read, or -1 if the file cannot be opened or read.
[[nodiscard]] long read_file(const char* path, char* out, size_t size) noexcept;

}  // namespace granary::os
