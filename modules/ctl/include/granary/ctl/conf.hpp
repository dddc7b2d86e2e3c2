// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf.hpp — option text to settings, with one clear line for everything that is wrong in it.
//
// Role        Reads jemalloc's syntax, `key:value,key:value`. Values: true and false, integers in C
//             notation (decimal, 0x…, 0…), words where a row of kOptions has one.
// Invariants  O1  every bad pair is reported once, by name, and all the others still count.
//             O2  nothing is allocated, no lock is taken, errno is untouched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <granary/core/options.hpp>

namespace granary::ctl {

/// All that option text may choose: the heap's part, and what only ctl and capi act on.
struct Settings {
    core::HeapOptions heap;
    bool stats_print = false;   ///< a report to stderr when the program exits
    bool abort_conf = false;    ///< a bad pair ends the program after all text was read
    bool confirm_conf = false;  ///< one line per setting read
};

enum class OptionType : uint8_t { boolean, integer };

/// One row of the option table. `word` is a value that stands for `word_value`.
struct OptionInfo {
    std::string_view name;
    OptionType type;
    int64_t least;
    int64_t most;
    std::string_view word;
    int64_t word_value;
    std::string_view doc;
    int64_t (*get)(const Settings&) noexcept;
    void (*set)(Settings&, int64_t) noexcept;
};

/// The bounds of an option's value; booleans need none.
struct OptionRange {
    int64_t least = 0;
    int64_t most = 1;
    std::string_view word = {};
    int64_t word_value = 0;
};

namespace detail {

template <auto Member>
struct HeapField {
    using Value = std::remove_cvref_t<decltype(core::HeapOptions{}.*Member)>;
    static int64_t get(const Settings& settings) noexcept {
        return static_cast<int64_t>(settings.heap.*Member);
    }
    static void set(Settings& settings, int64_t value) noexcept {
        settings.heap.*Member = static_cast<Value>(value);
    }
};

template <auto Member>
struct OwnField {
    using Value = std::remove_cvref_t<decltype(Settings{}.*Member)>;
    static int64_t get(const Settings& settings) noexcept {
        return static_cast<int64_t>(settings.*Member);
    }
    static void set(Settings& settings, int64_t value) noexcept {
        settings.*Member = static_cast<Value>(value);
    }
};

template <typename Field>
consteval OptionInfo option(std::string_view name, std::string_view doc, OptionRange range = {}) {
    constexpr bool kIsBoolean = std::is_same_v<typename Field::Value, bool>;
    return {name,        kIsBoolean ? OptionType::boolean : OptionType::integer,
            range.least, range.most,
            range.word,  range.word_value,
            doc,         &Field::get,
            &Field::set};
}

}  // namespace detail

/// Longest decay time: about 584 years, what jemalloc takes.
inline constexpr int64_t kMaxDecayMs = 18'446'744'072'000;
/// Most automatic arenas that may be asked for: jemalloc's 12-bit arena index without its reserves.
inline constexpr int64_t kMaxArenas = 4094;

/// Every option that does something. A new option is one line here.
inline constexpr std::array kOptions = {
    detail::option<detail::HeapField<&core::HeapOptions::dirty_decay_ms>>(
        "dirty_decay_ms", "ms over which unused dirty pages are given back; 0 at once, -1 never",
        {-1, kMaxDecayMs}),
    detail::option<detail::HeapField<&core::HeapOptions::muzzy_decay_ms>>(
        "muzzy_decay_ms", "the same for lazily purged pages; 0 skips that state",
        {-1, kMaxDecayMs}),
    detail::option<detail::HeapField<&core::HeapOptions::arena_limit>>(
        "narenas", "most automatic arenas; default derives it from the usable CPUs",
        {1, kMaxArenas, "default", 0}),
    detail::option<detail::HeapField<&core::HeapOptions::thread_cache>>(
        "tcache", "false sends every call to the arenas' locked paths"),
    detail::option<detail::HeapField<&core::HeapOptions::background_thread>>(
        "background_thread", "a thread that gives unused pages back while the program idles"),
    detail::option<detail::OwnField<&Settings::stats_print>>(
        "stats_print", "a statistics report to stderr at exit"),
    detail::option<detail::OwnField<&Settings::abort_conf>>(
        "abort_conf", "abort at start if any option text was wrong"),
    detail::option<detail::OwnField<&Settings::confirm_conf>>("confirm_conf",
                                                              "print every setting that is read"),
};

enum class Severity : uint8_t {
    note,     ///< confirm_conf speaking
    warning,  ///< a good pair without effect: an option of jemalloc's that granary does not have
    error,    ///< a bad pair; counts for abort_conf
};

/// Where lines about option text go. `line` has neither prefix nor newline.
struct Diagnostics {
    void (*report)(void* self, Severity severity, std::string_view line) noexcept;
    void* self;
};

/// A sink that writes `<granary>: <line>` to standard error.
[[nodiscard]] Diagnostics stderr_diagnostics() noexcept;

/// Option text and where it came from, for messages. A null text is a source that is not there.
struct ConfSource {
    std::string_view name;
    std::string_view text;
};

/// Applies one text to `settings`.
///
/// @param settings   confirm_conf on entry decides whether this text's settings are confirmed.
/// @return         the number of bad pairs (Severity::error).
size_t parse_conf(const ConfSource& source, Settings& settings,
                  const Diagnostics& diagnostics) noexcept;

/// Applies texts in turn, later ones winning. Two passes: the first, silent, learns whether the
/// settings are to be confirmed. With abort_conf and a bad pair, `heap.valid` is false.
[[nodiscard]] Settings read_conf(std::span<const ConfSource> sources,
                                 const Diagnostics& diagnostics) noexcept;

/// Reads this process's texts and remembers the result for startup_settings(). Low to high: the
/// program's weak variables `malloc_conf` and `granary_conf`, the target text of the symbolic link
/// /etc/granary.conf, the environment's MALLOC_CONF, then GRANARY_CONF. Link and environment are
/// ignored in secure mode (os::is_secure_mode()).
///
/// Call once, before the heap runs.
const Settings& load_settings(const Diagnostics& diagnostics) noexcept;

/// What load_settings() found; the defaults before it ran.
[[nodiscard]] const Settings& startup_settings() noexcept;

}  // namespace granary::ctl
