// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// misuse.cpp — see the header.
#include "arena/misuse.hpp"

#include <atomic>

#include <granary/base/bits.hpp>
#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>

namespace granary::core::misuse {

namespace {

using Line = base::FixedString<200>;

constinit std::atomic<MisuseHook> g_hook{nullptr};

[[noreturn]] void fail(const Line& line) noexcept {
    // ORDER: acquire, pairs with the release in set_hook(): what the hook's owner wrote is seen.
    if (const MisuseHook hook = g_hook.load(std::memory_order_acquire))
        hook(line.c_str());
    base::panic(line.view());
}

}  // namespace

void set_hook(MisuseHook hook) noexcept {
    // ORDER: release, pairs with the acquire in fail().
    g_hook.store(hook, std::memory_order_release);
}

void double_free(const void* pointer, size_t size_class_bytes) noexcept {
    Line line;
    line.append("double free of ").append_hex(base::address_of(pointer));
    line.append(" (size class ").append_decimal(size_class_bytes).append(")");
    fail(line);
}

void use_after_free(std::string_view call, const void* pointer, size_t size_class_bytes) noexcept {
    if (call == "free" || call == "sized free")
        double_free(pointer, size_class_bytes);
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which is already free (size class ")
        .append_decimal(size_class_bytes)
        .append(")");
    fail(line);
}

void never_allocated(std::string_view call, const void* pointer, size_t size_class_bytes) noexcept {
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which was never allocated (size class ")
        .append_decimal(size_class_bytes)
        .append(")");
    fail(line);
}

void interior(std::string_view call, const void* pointer, size_t size_class_bytes) noexcept {
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which is not the start of an allocation (interior pointer into a ");
    line.append_decimal(size_class_bytes).append("-byte region)");
    fail(line);
}

void foreign(std::string_view call, const void* pointer) noexcept {
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which granary does not own");
    fail(line);
}

void wrong_size(const void* pointer, size_t given_bytes, size_t size_class_bytes) noexcept {
    Line line;
    line.append("sized free of ").append_hex(base::address_of(pointer)).append(" with ");
    line.append_decimal(given_bytes)
        .append(" bytes, but its size class is ")
        .append_decimal(size_class_bytes);
    fail(line);
}

}  // namespace granary::core::misuse
