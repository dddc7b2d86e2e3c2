// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// misuse.cpp — see the header.
#include "arena/misuse.hpp"

#include <granary/base/bits.hpp>
#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>

namespace granary::core::misuse {

using Line = base::FixedString<200>;

void double_free(const void* pointer, size_t size_class_bytes) noexcept {
    Line line;
    line.append("double free of ").append_hex(base::address_of(pointer));
    line.append(" (size class ").append_decimal(size_class_bytes).append(")");
    base::panic(line.view());
}

void use_after_free(std::string_view call, const void* pointer, size_t size_class_bytes) noexcept {
    if (call == "free" || call == "sized free")
        double_free(pointer, size_class_bytes);
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which is already free (size class ")
        .append_decimal(size_class_bytes)
        .append(")");
    base::panic(line.view());
}

void never_allocated(std::string_view call, const void* pointer, size_t size_class_bytes) noexcept {
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which was never allocated (size class ")
        .append_decimal(size_class_bytes)
        .append(")");
    base::panic(line.view());
}

void interior(std::string_view call, const void* pointer, size_t size_class_bytes) noexcept {
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which is not the start of an allocation (interior pointer into a ");
    line.append_decimal(size_class_bytes).append("-byte region)");
    base::panic(line.view());
}

void foreign(std::string_view call, const void* pointer) noexcept {
    Line line;
    line.append(call).append(" of ").append_hex(base::address_of(pointer));
    line.append(", which granary does not own");
    base::panic(line.view());
}

void wrong_size(const void* pointer, size_t given_bytes, size_t size_class_bytes) noexcept {
    Line line;
    line.append("sized free of ").append_hex(base::address_of(pointer)).append(" with ");
    line.append_decimal(given_bytes)
        .append(" bytes, but its size class is ")
        .append_decimal(size_class_bytes);
    base::panic(line.view());
}

}  // namespace granary::core::misuse
