// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_value.cpp — integers, fractions and range lists.
#include "conf_value.hpp"

#include <limits>

namespace granary::ctl {
namespace {

int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return std::numeric_limits<int>::max();
}

/// Takes a leading radix mark off.
int take_radix(std::string_view& text) noexcept {
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text.remove_prefix(2);
        return 16;
    }
    if (text.size() > 1 && text[0] == '0') {
        text.remove_prefix(1);
        return 8;
    }
    return 10;
}

/// The part of `text` before `mark`, which is taken off with it; all of it if there is no mark.
std::string_view take_until(std::string_view& text, char mark) noexcept {
    const size_t end = text.find(mark);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

}  // namespace

Integer parse_integer(std::string_view text) noexcept {
    Integer number;
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        number.negative = text.front() == '-';
        text.remove_prefix(1);
    }
    const int radix = take_radix(text);
    if (text.empty())
        return number;
    bool overflow = false;
    for (const char c : text) {
        const int digit = digit_of(c);
        if (digit >= radix)
            return number;
        overflow =
            overflow ||
            __builtin_mul_overflow(number.magnitude, static_cast<uint64_t>(radix),
                                   &number.magnitude) ||
            __builtin_add_overflow(number.magnitude, static_cast<uint64_t>(digit),
                                   &number.magnitude);
    }
    number.verdict = overflow ? Verdict::out_of_range : Verdict::good;
    return number;
}

Verdict parse_number(const OptionShape& option, std::string_view text, uint64_t& out) noexcept {
    const Integer number = parse_integer(text);
    if (number.verdict == Verdict::malformed)
        return Verdict::malformed;
    const bool huge = number.verdict == Verdict::out_of_range;
    const bool negative = number.negative && (huge || number.magnitude != 0);
    bool below = false;
    if (negative) {
        // The least value of any row is above the most negative integer.
        below = huge || option.least >= 0 ||
                number.magnitude > 0 - static_cast<uint64_t>(option.least);
    } else {
        below = !huge && option.least > 0 && number.magnitude < static_cast<uint64_t>(option.least);
    }
    const bool above = !negative && (huge || number.magnitude > option.most);
    if ((below || above) && !option.clips)
        return Verdict::out_of_range;
    if (below) {
        out = static_cast<uint64_t>(option.least);
    } else if (above) {
        out = option.most;
    } else {
        out = negative ? 0 - number.magnitude : number.magnitude;
    }
    return Verdict::good;
}

Verdict parse_fixed(std::string_view text, uint64_t& out) noexcept {
    constexpr uint64_t kOne = 65536;
    const size_t digits = text.size();
    std::string_view rest = text;
    const std::string_view whole = take_until(rest, '.');
    if (whole.size() + rest.size() == 0 || (digits > whole.size() && rest.empty()))
        return Verdict::malformed;
    uint64_t value = 0;
    for (const char c : whole) {
        if (c < '0' || c > '9')
            return Verdict::malformed;
        // One step beyond the bound is enough to know that it is beyond.
        if (value < kOne)
            value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    uint64_t fraction = 0;
    uint64_t scale = 1;
    for (const char c : rest) {
        if (c < '0' || c > '9')
            return Verdict::malformed;
        if (scale >= 1'000'000'000'000)
            continue;  // too small to matter
        fraction = fraction * 10 + static_cast<uint64_t>(c - '0');
        scale *= 10;
    }
    if (value >= kOne)
        return Verdict::out_of_range;
    out = value * kOne + fraction * kOne / scale;
    return Verdict::good;
}

bool is_range_list(std::string_view text) noexcept {
    do {
        std::string_view range = take_until(text, '|');
        std::string_view bounds = take_until(range, ':');
        const Integer first = parse_integer(take_until(bounds, '-'));
        const Integer last = parse_integer(bounds);
        const Integer value = parse_integer(range);
        for (const Integer& number : {first, last, value}) {
            if (number.verdict != Verdict::good || number.negative)
                return false;
        }
        if (first.magnitude > last.magnitude)
            return false;
    } while (!text.empty());
    return true;
}

}  // namespace granary::ctl
