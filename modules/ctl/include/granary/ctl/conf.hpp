// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf.hpp — option text to settings, with one clear line for everything that is wrong in it.
//
// Role        Reads jemalloc's syntax, `key:value,key:value`, by the rows of option_table.hpp.
// Invariants  O1  every bad pair is reported once, by name, and all the others still count.
//             O2  nothing is allocated, no lock is taken, errno is untouched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <granary/base/fixed_string.hpp>
#include <granary/core/options.hpp>
#include <granary/ctl/option_table.hpp>

namespace granary::ctl {

/// The values of all options: defaults, until text changes them.
class Settings {
public:
    constexpr Settings() noexcept {
        for (size_t i = 0; i < kOptions.size(); ++i) values_[i] = kOptions[i].preset;
    }

    [[nodiscard]] bool flag(size_t option) const noexcept { return values_[option] != 0; }
    /// Signed options hold their two's complement.
    [[nodiscard]] uint64_t number(size_t option) const noexcept { return values_[option]; }
    [[nodiscard]] int64_t signed_number(size_t option) const noexcept {
        return static_cast<int64_t>(values_[option]);
    }
    /// Options with a list of words: the chosen one.
    [[nodiscard]] const char* word(size_t option) const noexcept {
        return kOptions[option].choice(values_[option]);
    }
    /// Options whose value is text.
    [[nodiscard]] const char* text(size_t option) const noexcept {
        return texts_[text_slot(option)].c_str();
    }

    void set(size_t option, uint64_t value) noexcept { values_[option] = value; }
    void set_text(size_t option, std::string_view text) noexcept {
        Text& slot = texts_[text_slot(option)];
        slot.clear();
        slot.append(text);
    }

    /// False: something was wrong and abort_conf is set.
    bool valid = true;

private:
    using Text = base::FixedString<kOptionText>;

    [[nodiscard]] static size_t text_slot(size_t option) noexcept {
        size_t slot = 0;
        for (size_t i = 0; i < option; ++i) slot += kOptions[i].is_text() ? 1 : 0;
        return slot;
    }

    std::array<uint64_t, kOptions.size()> values_{};
    std::array<Text, kTextOptions> texts_{};
};

/// The heap's part of the settings.
[[nodiscard]] core::HeapOptions heap_options(const Settings& settings) noexcept;

enum class Severity : uint8_t {
    note,     ///< confirm_conf speaking
    warning,  ///< a good pair that asks for something this build does not have
    error,    ///< a bad pair; counts for abort_conf
};

/// Where lines about option text go. `line` has neither prefix nor newline.
struct Diagnostics {
    void (*report)(void* self, Severity severity, std::string_view line) noexcept;
    void* self;
};

/// A sink that writes `<granary>: <line>` to standard error.
[[nodiscard]] Diagnostics stderr_diagnostics() noexcept;

/// Where option text comes from, low to high: what `opt.malloc_conf.*` can be asked for.
enum class ConfPlace : uint8_t {
    build,        ///< config.malloc_conf
    variable,     ///< opt.malloc_conf.global_var
    link,         ///< opt.malloc_conf.symlink
    environment,  ///< opt.malloc_conf.env_var
    harder,       ///< opt.malloc_conf.global_var_2_conf_harder
};

/// Option text, zero-terminated, and where it came from, for messages. A null text is a source
/// that is not there.
struct ConfSource {
    const char* name;
    const char* text;
    ConfPlace place = ConfPlace::environment;
};

/// Applies one text to `settings`.
///
/// @param settings   confirm_conf on entry decides whether this text's settings are confirmed.
/// @return         the number of bad pairs (Severity::error).
size_t parse_conf(std::string_view source_name, std::string_view text, Settings& settings,
                  const Diagnostics& diagnostics) noexcept;

/// Applies texts in turn, later ones winning. Two passes: the first, silent, learns whether the
/// settings are to be confirmed. With abort_conf and a bad pair, `valid` is false.
void read_conf(std::span<const ConfSource> sources, Settings& settings,
               const Diagnostics& diagnostics) noexcept;

/// Reads this process's texts, low to high, and remembers the result for startup_settings(), and
/// the beginnings of the texts for `opt.malloc_conf.*`.
///
/// Call once, before the heap runs.
const Settings& load_settings(std::span<const ConfSource> sources,
                              const Diagnostics& diagnostics) noexcept;

/// What load_settings() found; the defaults before it ran.
[[nodiscard]] const Settings& startup_settings() noexcept;

/// The last text of a place; nullptr if there was none.
[[nodiscard]] const char* startup_text(ConfPlace place) noexcept;

}  // namespace granary::ctl
