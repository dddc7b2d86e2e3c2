// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// packed_text.hpp — the texts of a table in one block of characters, found by place instead of pointer.
//
// Role        A table of string_views is full of addresses, which the dynamic linker writes when the
//             process starts: the pages are then touched and private, whether the table is asked
//             or not. A table of places is plain read-only data that costs nothing until it is read.
// Cost        the block is built at compile time; a look-up adds two numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace granary::ctl {

/// Where a text lies in its table's block.
struct TextPlace {
    uint16_t at = 0;
    uint16_t size = 0;
};

/// Texts one after the other, each with a zero behind it.
template <size_t Size>
struct PackedText {
    static_assert(Size <= UINT16_MAX, "TextPlace has 16 bits");

    std::array<char, Size> characters{};
    size_t used = 0;

    /// Compile time only: the room was counted with room_for().
    consteval TextPlace add(std::string_view text) {
        const TextPlace place{static_cast<uint16_t>(used), static_cast<uint16_t>(text.size())};
        for (const char c : text) characters[used++] = c;
        characters[used++] = '\0';
        return place;
    }

    [[nodiscard]] constexpr std::string_view text(TextPlace place) const noexcept {
        return {characters.data() + place.at, place.size};
    }
};

[[nodiscard]] consteval size_t room_for(std::string_view text) { return text.size() + 1; }

}  // namespace granary::ctl
