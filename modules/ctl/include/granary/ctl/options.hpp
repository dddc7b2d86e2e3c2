// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// options.hpp — the kinds of options, and a row of the option table.
//
// Role        Words for option_table.hpp: what a value looks like, what may be written, and what
//             granary makes of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace granary::ctl {

/// How a value is written, and its type as `opt.<name>`.
enum class OptionKind : uint8_t {
    boolean,  ///< true, false                                                 bool
    uint,     ///< integer in C notation                                       unsigned
    size,     ///<                                                             size_t
    ssize,    ///<                                                             ssize_t
    i64,      ///<                                                             int64_t
    u64,      ///<                                                             uint64_t
    fixed,    ///< decimal fraction, kept in 1/65536                           uint32_t
    word,     ///< one of a list                                               const char *
    letters,  ///< letters of malloc_stats_print(); others are dropped         const char *
    text,     ///< anything                                                    const char *
    ranges,   ///< first-last:value|first-last:value                           –
};

/// What a value that was accepted does.
enum class Effect : uint8_t {
    works,      ///< what its sentence says
    elsewhere,  ///< nothing: granary has another mechanism, or none to tune
    absent,     ///< nothing: it belongs to a feature that this build does not have
};

/// What the table's author and its readers both see of an option.
struct OptionShape {
    OptionKind kind = OptionKind::boolean;
    Effect effect = Effect::works;
    bool clips = false;      ///< numbers out of bounds are taken for the bound
    bool has_node = true;    ///< there is an opt.<name>
    uint64_t preset = 0;     ///< the value of a program that says nothing; a word's place in its list
    int64_t least = 0;       ///< numbers only
    uint64_t most = 1;       ///< numbers only
    uint64_t word_value = 0;  ///< of the word that stands for a number

    [[nodiscard]] constexpr bool is_number() const noexcept {
        return kind >= OptionKind::uint && kind <= OptionKind::u64;
    }
    [[nodiscard]] constexpr bool is_signed() const noexcept {
        return kind == OptionKind::ssize || kind == OptionKind::i64;
    }
    [[nodiscard]] constexpr bool is_text() const noexcept {
        return kind == OptionKind::letters || kind == OptionKind::text;
    }
};

/// One option as it is written down; exists at compile time only.
struct OptionEntry {
    std::string_view name;
    OptionShape shape = {};
    std::string_view word = {};   ///< a word that stands for a number
    std::span<const char* const> words = {};  ///< of OptionKind::word
    std::string_view doc = {};
};

/// Longest decay time: about 584 years, what jemalloc takes.
inline constexpr uint64_t kMaxDecayMs = 18'446'744'072'000;
/// jemalloc's largest size class, the bound of several options.
inline constexpr uint64_t kLargestClass = 0x7000'0000'0000'0000;
/// Most characters of an option whose value is text.
inline constexpr size_t kOptionText = 255;

}  // namespace granary::ctl
