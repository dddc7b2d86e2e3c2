// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// fixed_string.hpp — text assembled in place, for messages, paths and reports.
//
// Role        What code that may not allocate uses instead of a stream or printf.
// Owns        text_, N characters and a terminating zero.
// Invariants  F1  size_ <= N, and text_[size_] is zero: c_str() is always valid.
//             F2  what does not fit is cut off at the end, and truncated() says so.
// Cost        O(characters appended).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace granary::base {

template <size_t N>
class FixedString {
public:
    constexpr FixedString() noexcept = default;
    constexpr explicit FixedString(std::string_view text) noexcept { append(text); }

    /// Appends as much of `text` as fits.
    constexpr FixedString& append(std::string_view text) noexcept {
        const size_t room = N - size_;
        const size_t count = text.size() < room ? text.size() : room;
        for (size_t i = 0; i < count; ++i) {
            text_[size_ + i] = text[i];
        }
        size_ += count;
        text_[size_] = '\0';
        truncated_ = truncated_ || count < text.size();
        return *this;
    }

    constexpr FixedString& append(char character) noexcept {
        return append(std::string_view(&character, 1));
    }

    constexpr FixedString& append_decimal(uint64_t value) noexcept {
        return append_digits(value, 10, "");
    }

    constexpr FixedString& append_signed(int64_t value) noexcept {
        const auto bits = static_cast<uint64_t>(value);
        return value < 0 ? append_digits(0 - bits, 10, "-") : append_digits(bits, 10, "");
    }

    /// Lower-case digits after `0x`, no leading zeros.
    constexpr FixedString& append_hex(uint64_t value) noexcept {
        return append_digits(value, 16, "0x");
    }

    constexpr void clear() noexcept {
        size_ = 0;
        text_[0] = '\0';
        truncated_ = false;
    }

    /// Keeps the first `size` characters; a larger size changes nothing.
    constexpr void shorten(size_t size) noexcept {
        if (size < size_) {
            size_ = size;
            text_[size_] = '\0';
        }
    }

    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text_, size_}; }
    [[nodiscard]] constexpr const char* c_str() const noexcept { return text_; }
    [[nodiscard]] constexpr size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr bool truncated() const noexcept { return truncated_; }
    [[nodiscard]] static constexpr size_t capacity() noexcept { return N; }

private:
    constexpr FixedString& append_digits(uint64_t value, unsigned radix,
                                         std::string_view prefix) noexcept {
        constexpr size_t kMostDigits = 20;  // 2^64 - 1 in decimal
        char digits[kMostDigits] = {};
        size_t first = kMostDigits;
        do {
            digits[--first] = "0123456789abcdef"[value % radix];
            value /= radix;
        } while (value != 0);
        append(prefix);
        return append(std::string_view(digits + first, kMostDigits - first));
    }

    char text_[N + 1] = {};
    size_t size_ = 0;
    bool truncated_ = false;
};

}  // namespace granary::base
