// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_parser.cpp — `key:value,key:value` to settings.
#include <limits>

#include <granary/base/fixed_string.hpp>
#include <granary/ctl/conf.hpp>

#include "conf_value.hpp"
#include "spelling.hpp"

namespace granary::ctl {
namespace {

/// A diagnostic is one line of this many characters at most.
using Line = base::FixedString<320>;

/// Letters of malloc_stats_print().
constexpr std::string_view kReportLetters = "Jgmdablxeh";

/// What is shown of a pair; the rest is cut, and marked with "...".
constexpr size_t kShownPair = 96;

/// Appends hostile text safely: no control characters, no unbounded length.
void append_shown(Line& line, std::string_view text) noexcept {
    line.append('\'');
    for (const char c : text.substr(0, kShownPair)) {
        line.append(c >= ' ' && c <= '~' ? c : '?');
    }
    if (text.size() > kShownPair)
        line.append("...");
    line.append('\'');
}

/// The row of a key; kOptions.size() if there is none.
size_t find_option(std::string_view key) noexcept {
    size_t option = 0;
    while (option < kOptions.size() && kOptions[option].name() != key) ++option;
    return option;
}

/// The known name that looks most like `key`.
std::string_view nearest_option(std::string_view key) noexcept {
    std::string_view nearest = kOptions.front().name();
    size_t least = std::numeric_limits<size_t>::max();
    const size_t length = key.substr(0, kMaxSpelling).size();
    for (const OptionInfo& option : kOptions) {
        // Names are at least as far apart as their lengths.
        const size_t other = option.name().size();
        if ((length > other ? length - other : other - length) >= least)
            continue;
        const size_t distance = spelling_distance(key, option.name(), least);
        if (distance >= least)
            continue;
        least = distance;
        nearest = option.name();
    }
    return nearest;
}

/// The letters that malloc_stats_print() knows, each once.
base::FixedString<kOptionText> known_letters(std::string_view text) noexcept {
    base::FixedString<kOptionText> letters;
    for (const char c : text) {
        if (kReportLetters.find(c) != std::string_view::npos &&
            letters.view().find(c) == std::string_view::npos) {
            letters.append(c);
        }
    }
    return letters;
}

/// One pair of one text, and where its lines go.
class PairReader {
public:
    PairReader(std::string_view source, Settings& settings, const Diagnostics& diagnostics) noexcept
        : source_(source),
          settings_(settings),
          diagnostics_(diagnostics),
          confirm_(settings.flag(row("confirm_conf"))) {}

    [[nodiscard]] size_t errors() const noexcept { return errors_; }

    void read(std::string_view pair) noexcept {
        const size_t colon = pair.find(':');
        if (pair.empty()) {
            Line line = begin();
            line.append("empty pair: there is a comma too many");
            report(Severity::error, line);
        } else if (colon == std::string_view::npos || colon == 0) {
            Line line = begin();
            append_shown(line, pair);
            line.append(" is not a pair of the form key:value");
            report(Severity::error, line);
        } else {
            std::string_view value = pair;
            value.remove_prefix(colon + 1);
            read_value(pair, pair.substr(0, colon), value);
        }
    }

private:
    void read_value(std::string_view pair, std::string_view key, std::string_view value) noexcept {
        const size_t option = find_option(key);
        if (option == kOptions.size()) {
            // jemalloc takes any name that says it is an experiment.
            if (!key.starts_with("experimental_"))
                report_unknown(pair, key);
            return;
        }
        switch (apply(option, value)) {
            case Verdict::good:
                confirm(option, pair);
                break;
            case Verdict::malformed:
            case Verdict::out_of_range:
                report_value(pair, kOptions[option]);
        }
    }

    /// Enters a value into the settings.
    Verdict apply(size_t option, std::string_view value) noexcept {
        const OptionInfo& info = kOptions[option];
        uint64_t number = 0;
        Verdict verdict = Verdict::good;
        switch (info.kind) {
            case OptionKind::boolean:
                if (value != "true" && value != "false")
                    return Verdict::malformed;
                number = value == "true" ? 1 : 0;
                break;
            case OptionKind::word:
                while (number < info.choices() && value != info.choice(number)) ++number;
                if (number == info.choices())
                    return Verdict::malformed;
                break;
            case OptionKind::letters:
                settings_.set_text(option, known_letters(value).view());
                return Verdict::good;
            case OptionKind::text:
                if (value.size() > kOptionText)
                    return Verdict::out_of_range;
                settings_.set_text(option, value);
                return Verdict::good;
            case OptionKind::ranges:
                return value == "default" || is_range_list(value) ? Verdict::good
                                                                  : Verdict::malformed;
            default:
                if (!info.word().empty() && value == info.word()) {
                    number = info.word_value;
                } else if (info.kind != OptionKind::fixed) {
                    verdict = parse_number(info, value, number);
                } else if (verdict = parse_fixed(value, number);
                           verdict == Verdict::good && !is_within(info, number)) {
                    verdict = Verdict::out_of_range;
                }
        }
        if (verdict == Verdict::good)
            store(option, number);
        return verdict;
    }

    /// A few options are other spellings of another one.
    void store(size_t option, uint64_t number) noexcept {
        settings_.set(option, number);
        if (option == row("lg_tcache_max")) {
            settings_.set(row("tcache_max"), uint64_t{1} << number);
        } else if (option == row("hpa_hugification_threshold_ratio")) {
            store_part_of_huge_page(row("hpa_hugification_threshold"), number);
        } else if (option == row("hpa_purge_threshold_ratio")) {
            store_part_of_huge_page(row("hpa_purge_threshold"), number);
        }
    }

    void store_part_of_huge_page(size_t option, uint64_t ratio) noexcept {
        constexpr uint64_t kOne = 65536;
        const uint64_t bytes = option_rows::kHugePage * ratio / kOne;
        settings_.set(option, bytes < option_rows::kPageBytes ? option_rows::kPageBytes : bytes);
    }

    void confirm(size_t option, std::string_view pair) noexcept {
        const OptionInfo& info = kOptions[option];
        if (info.effect == Effect::absent && settings_.number(option) != info.preset) {
            Line line = begin();
            append_shown(line, pair);
            line.append(" asks for what this build does not have: ").append(info.doc());
            report(Severity::warning, line);
        }
        if (!confirm_)
            return;
        Line line = begin();
        line.append("sets ");
        append_shown(line, pair);
        if (info.effect == Effect::elsewhere)
            line.append(", which has no effect: ").append(info.doc());
        report(Severity::note, line);
    }

    void report_unknown(std::string_view pair, std::string_view key) noexcept {
        Line line = begin();
        line.append("unknown option in ");
        append_shown(line, pair);
        line.append("; the nearest known one is '").append(nearest_option(key)).append('\'');
        report(Severity::error, line);
    }

    void report_value(std::string_view pair, const OptionInfo& option) noexcept {
        Line line = begin();
        append_shown(line, pair);
        line.append(" is not valid: the value must be ");
        append_what_is_valid(line, option);
        report(Severity::error, line);
    }

    static void append_what_is_valid(Line& line, const OptionInfo& option) noexcept {
        switch (option.kind) {
            case OptionKind::boolean:
                line.append("true or false");
                return;
            case OptionKind::word:
                for (size_t i = 0; i < option.choices(); ++i) {
                    if (i > 0)
                        line.append(i + 1 == option.choices() ? " or " : ", ");
                    line.append(option.choice(i));
                }
                return;
            case OptionKind::letters:
            case OptionKind::text:
                line.append("text of at most ").append_decimal(kOptionText).append(" characters");
                return;
            case OptionKind::ranges:
                line.append("first-last:value|first-last:value|…");
                return;
            case OptionKind::fixed:
                line.append("a number from 0 to ").append_decimal(option.most / 65536);
                break;
            default:
                line.append("an integer from ").append_signed(option.least).append(" to ");
                line.append_decimal(option.most);
        }
        if (!option.word().empty())
            line.append(", or '").append(option.word()).append('\'');
    }

    [[nodiscard]] Line begin() const noexcept {
        Line line(source_);
        line.append(": ");
        return line;
    }

    void report(Severity severity, const Line& line) noexcept {
        if (severity == Severity::error)
            ++errors_;
        diagnostics_.report(diagnostics_.self, severity, line.view());
    }

    const std::string_view source_;
    Settings& settings_;
    const Diagnostics& diagnostics_;
    const bool confirm_;
    size_t errors_ = 0;
};

std::string_view text_of(const ConfSource& source) noexcept {
    return source.text == nullptr ? std::string_view() : std::string_view(source.text);
}

void discard(void* /*self*/, Severity /*severity*/, std::string_view /*line*/) noexcept {}

}  // namespace

size_t parse_conf(std::string_view source_name, std::string_view text, Settings& settings,
                  const Diagnostics& diagnostics) noexcept {
    PairReader reader(source_name, settings, diagnostics);
    std::string_view rest = text;
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        reader.read(rest.substr(0, comma));
        if (comma == std::string_view::npos)
            break;
        rest.remove_prefix(comma + 1);
        if (rest.empty())
            reader.read(rest);  // The text ended with a comma.
    }
    return reader.errors();
}

void read_conf(std::span<const ConfSource> sources, Settings& settings,
               const Diagnostics& diagnostics) noexcept {
    const Diagnostics silent{&discard, nullptr};
    settings = Settings();
    for (const ConfSource& source : sources)
        parse_conf(source.name, text_of(source), settings, silent);
    // What the texts say in the end about confirming holds for all of them.
    const bool confirm = settings.flag(row("confirm_conf"));

    settings = Settings();
    size_t errors = 0;
    for (const ConfSource& source : sources) {
        settings.set(row("confirm_conf"), confirm ? 1 : 0);
        errors += parse_conf(source.name, text_of(source), settings, diagnostics);
    }
    settings.set(row("confirm_conf"), confirm ? 1 : 0);
    settings.valid = !(settings.flag(row("abort_conf")) && errors > 0);
}

}  // namespace granary::ctl
