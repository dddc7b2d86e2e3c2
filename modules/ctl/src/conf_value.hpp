// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_value.hpp — the text of one value to the number that a setting holds.
//
// Cost        O(length of the text); allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include <granary/ctl/options.hpp>

namespace granary::ctl {

enum class Verdict : uint8_t { good, malformed, out_of_range };

/// An integer in C notation: sign and size apart, so that every 64-bit value fits.
struct Integer {
    Verdict verdict = Verdict::malformed;
    bool negative = false;
    uint64_t magnitude = 0;
};

/// An optional sign, then decimal, 0x and hexadecimal, or 0 and octal.
[[nodiscard]] Integer parse_integer(std::string_view text) noexcept;

/// A number for a row of `option`'s kind; clipped to its bounds where the row says so.
[[nodiscard]] Verdict parse_number(const OptionShape& option, std::string_view text,
                                   uint64_t& out) noexcept;

/// A decimal fraction in units of 1/65536, rounded down; below 65536.
[[nodiscard]] Verdict parse_fixed(std::string_view text, uint64_t& out) noexcept;

/// True for first-last:value|first-last:value with integers, each range in order.
[[nodiscard]] bool is_range_list(std::string_view text) noexcept;

}  // namespace granary::ctl
