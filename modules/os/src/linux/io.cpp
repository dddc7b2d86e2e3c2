// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// io.cpp — read and write by system call.
#include <granary/os/io.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <atomic>

#include <granary/base/fixed_string.hpp>

#include "linux/raw_syscall.hpp"

namespace granary::os {
namespace {

constinit std::atomic<MessageSink> g_sink{nullptr};

/// Hands a message to the sink, in pieces that end with a zero. False: nothing was taken.
bool offer(std::string_view text) noexcept {
    // ORDER: acquire, pairs with the release in redirect_messages().
    const MessageSink sink = g_sink.load(std::memory_order_acquire);
    if (sink == nullptr)
        return false;
    do {
        const base::FixedString<1024> piece(text);
        if (!sink(piece.c_str()))
            return false;  // before the first piece: a sink does not change its mind
        text.remove_prefix(piece.size());
    } while (!text.empty());
    return true;
}

}  // namespace

bool write_all(int descriptor, std::string_view text) noexcept {
    while (!text.empty()) {
        const long written = raw::call(SYS_write, descriptor, text.data(), text.size());
        if (written == -EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

void redirect_messages(MessageSink sink) noexcept {
    // ORDER: release, pairs with the acquire in offer(): what the sink needs is there.
    g_sink.store(sink, std::memory_order_release);
}

void write_stderr(std::string_view text) noexcept {
    if (!offer(text))
        write_all(STDERR_FILENO, text);
}

long read_file(const char* path, char* out, size_t size) noexcept {
    long descriptor = 0;
    do {
        descriptor = raw::call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    } while (descriptor == -EINTR);
    if (raw::failed(descriptor)) {
        return -1;
    }
    size_t total = 0;
    long got = 0;
    while (total < size) {
        got = raw::call(SYS_read, descriptor, out + total, size - total);
        if (got == -EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        total += static_cast<size_t>(got);
    }
    raw::call(SYS_close, descriptor);
    return got < 0 && got != -EINTR ? -1 : static_cast<long>(total);
}

}  // namespace granary::os
