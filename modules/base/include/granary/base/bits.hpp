// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bits.hpp — powers of two, alignment, logarithms, bit counts, overflow, addresses as numbers.
//
// Role        Arithmetic that every layer needs, constexpr so that tables can be built with it.
// Invariants  An alignment is a power of two; the functions do not check it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <granary/base/attributes.hpp>

namespace granary::base {

/// True for 1, 2, 4, …; false for 0.
[[nodiscard]] constexpr bool is_power_of_two(size_t value) noexcept {
    // PERF: not std::has_single_bit, which counts bits, by a call where there is no instruction.
    return value != 0 && (value & (value - 1)) == 0;
}

/// Smallest multiple of `alignment` that is at least `value`; wraps to 0 beyond the last one.
[[nodiscard]] constexpr size_t align_up(size_t value, size_t alignment) noexcept {
    return (value + (alignment - 1)) & ~(alignment - 1);
}

/// Largest multiple of `alignment` that is at most `value`.
[[nodiscard]] constexpr size_t align_down(size_t value, size_t alignment) noexcept {
    return value & ~(alignment - 1);
}

[[nodiscard]] constexpr bool is_aligned(size_t value, size_t alignment) noexcept {
    return (value & (alignment - 1)) == 0;
}

/// Floor of the binary logarithm; `value` is at least 1.
[[nodiscard]] constexpr unsigned log2_floor(size_t value) noexcept {
    return static_cast<unsigned>(std::bit_width(value)) - 1U;
}

/// Ceiling of the binary logarithm; `value` is at least 1.
[[nodiscard]] constexpr unsigned log2_ceil(size_t value) noexcept {
    return static_cast<unsigned>(std::bit_width(value - 1));
}

/// Number of set bits.
[[nodiscard]] constexpr unsigned popcount(uint64_t value) noexcept {
#if defined(__x86_64__) && !defined(__POPCNT__)
    // PERF: without the instruction g++ calls a table walk in its runtime, and does so, too, where
    // it recognises the usual last step, a multiplication; this stays inline.
    constexpr uint64_t kPairs = 0x5555555555555555U;
    constexpr uint64_t kNibbles = 0x3333333333333333U;
    constexpr uint64_t kBytes = 0x0f0f0f0f0f0f0f0fU;
    value -= (value >> 1) & kPairs;
    value = (value & kNibbles) + ((value >> 2) & kNibbles);
    value = (value + (value >> 4)) & kBytes;
    value += value >> 8;
    value += value >> 16;
    return static_cast<unsigned>((value + (value >> 32)) & 0x7f);
#else
    return static_cast<unsigned>(std::popcount(value));
#endif
}

/// Adds; true when the sum does not fit, and `out` is then the wrapped sum.
[[nodiscard]] constexpr bool add_overflows(size_t a, size_t b, size_t& out) noexcept {
    return __builtin_add_overflow(a, b, &out);
}

/// Multiplies; true when the product does not fit, and `out` is then the wrapped product.
[[nodiscard]] constexpr bool mul_overflows(size_t a, size_t b, size_t& out) noexcept {
    return __builtin_mul_overflow(a, b, &out);
}

/// The address of an object as a number.
[[nodiscard]] GRANARY_ALWAYS_INLINE uintptr_t address_of(const void* pointer) noexcept {
    // SAFETY: pointer to integer of the same width, round trip guaranteed by uintptr_t.
    return reinterpret_cast<uintptr_t>(pointer);
}

/// The bytes at an address; the caller knows that the address is mapped memory of its own.
[[nodiscard]] GRANARY_ALWAYS_INLINE std::byte* pointer_at(uintptr_t address) noexcept {
    // SAFETY: every allocator makes pointers from numbers somewhere; here it is in one place.
    return reinterpret_cast<std::byte*>(address);
}

}  // namespace granary::base
