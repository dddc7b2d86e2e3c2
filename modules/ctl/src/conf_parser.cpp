// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_parser.cpp — `key:value,key:value` to settings.
#include <limits>

#include <granary/base/fixed_string.hpp>
#include <granary/ctl/conf.hpp>

#include "conf_foreign.hpp"
#include "spelling.hpp"

namespace granary::ctl {
namespace {

/// A diagnostic is one line of this many characters at most.
using Line = base::FixedString<320>;

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

struct Integer {
    enum class Kind : uint8_t { good, malformed, too_large } kind;
    int64_t value;
};

int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return std::numeric_limits<int>::max();
}

/// C notation: an optional sign, then decimal, 0x and hexadecimal, or 0 and octal.
Integer parse_integer(std::string_view text) noexcept {
    bool negative = false;
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        negative = text.front() == '-';
        text.remove_prefix(1);
    }
    int radix = 10;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        radix = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text[0] == '0') {
        radix = 8;
        text.remove_prefix(1);
    }
    if (text.empty())
        return {Integer::Kind::malformed, 0};
    int64_t value = 0;
    bool overflow = false;
    for (const char c : text) {
        const int digit = digit_of(c);
        if (digit >= radix)
            return {Integer::Kind::malformed, 0};
        overflow = overflow || __builtin_mul_overflow(value, int64_t{radix}, &value) ||
                   __builtin_add_overflow(value, int64_t{digit}, &value);
    }
    if (overflow)
        return {Integer::Kind::too_large, 0};
    return {Integer::Kind::good, negative ? -value : value};
}

const OptionInfo* find_option(std::string_view key) noexcept {
    for (const OptionInfo& option : kOptions) {
        if (option.name == key)
            return &option;
    }
    return nullptr;
}

/// jemalloc takes any name that says it is an experiment.
bool is_foreign(std::string_view key) noexcept {
    if (key.starts_with("experimental_"))
        return true;
    for (const std::string_view name : kForeignOptions) {
        if (name == key)
            return true;
    }
    return false;
}

/// The known name that looks most like `key`; granary's own ones win a tie.
std::string_view nearest_option(std::string_view key) noexcept {
    std::string_view nearest = kOptions.front().name;
    size_t least = std::numeric_limits<size_t>::max();
    auto consider = [&](std::string_view name) {
        const size_t distance = spelling_distance(key, name);
        if (distance >= least)
            return;
        least = distance;
        nearest = name;
    };
    for (const OptionInfo& option : kOptions) consider(option.name);
    for (const std::string_view name : kForeignOptions) consider(name);
    return nearest;
}

/// One pair of one text, and where its lines go.
class PairReader {
public:
    PairReader(const ConfSource& source, Settings& settings,
               const Diagnostics& diagnostics) noexcept
        : source_(source),
          settings_(settings),
          diagnostics_(diagnostics),
          confirm_(settings.confirm_conf) {}

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
        const OptionInfo* option = find_option(key);
        if (option == nullptr) {
            report_unknown(pair, key);
        } else if (option->type == OptionType::boolean) {
            if (value == "true" || value == "false") {
                apply(*option, pair, value == "true" ? 1 : 0);
            } else {
                report_value(pair, *option);
            }
        } else if (!option->word.empty() && value == option->word) {
            apply(*option, pair, option->word_value);
        } else {
            const Integer number = parse_integer(value);
            if (number.kind == Integer::Kind::good && number.value >= option->least &&
                number.value <= option->most) {
                apply(*option, pair, number.value);
            } else {
                report_value(pair, *option);
            }
        }
    }

    void apply(const OptionInfo& option, std::string_view pair, int64_t value) noexcept {
        option.set(settings_, value);
        if (!confirm_)
            return;
        Line line = begin();
        line.append("sets ");
        append_shown(line, pair);
        report(Severity::note, line);
    }

    void report_unknown(std::string_view pair, std::string_view key) noexcept {
        Line line = begin();
        if (is_foreign(key)) {
            append_shown(line, pair);
            line.append(" is known to jemalloc, has no effect in granary");
            report(Severity::warning, line);
            return;
        }
        line.append("unknown option in ");
        append_shown(line, pair);
        line.append("; the nearest known one is '").append(nearest_option(key)).append('\'');
        report(Severity::error, line);
    }

    void report_value(std::string_view pair, const OptionInfo& option) noexcept {
        Line line = begin();
        append_shown(line, pair);
        if (option.type == OptionType::boolean) {
            line.append(" is not valid: the value must be true or false");
        } else {
            line.append(" is not valid: the value must be an integer from ");
            line.append_signed(option.least).append(" to ").append_signed(option.most);
            if (!option.word.empty())
                line.append(", or '").append(option.word).append('\'');
        }
        report(Severity::error, line);
    }

    [[nodiscard]] Line begin() const noexcept {
        Line line(source_.name);
        line.append(": ");
        return line;
    }

    void report(Severity severity, const Line& line) noexcept {
        if (severity == Severity::error)
            ++errors_;
        diagnostics_.report(diagnostics_.self, severity, line.view());
    }

    const ConfSource& source_;
    Settings& settings_;
    const Diagnostics& diagnostics_;
    const bool confirm_;
    size_t errors_ = 0;
};

void discard(void* /*self*/, Severity /*severity*/, std::string_view /*line*/) noexcept {}

}  // namespace

size_t parse_conf(const ConfSource& source, Settings& settings,
                  const Diagnostics& diagnostics) noexcept {
    PairReader reader(source, settings, diagnostics);
    std::string_view rest = source.text;
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

Settings read_conf(std::span<const ConfSource> sources, const Diagnostics& diagnostics) noexcept {
    const Diagnostics silent{&discard, nullptr};
    Settings preview;
    for (const ConfSource& source : sources) parse_conf(source, preview, silent);

    Settings settings;
    size_t errors = 0;
    for (const ConfSource& source : sources) {
        // What the texts say in the end about confirming holds for all of them.
        settings.confirm_conf = preview.confirm_conf;
        errors += parse_conf(source, settings, diagnostics);
    }
    settings.confirm_conf = preview.confirm_conf;
    settings.heap.valid = !(settings.abort_conf && errors > 0);
    return settings;
}

}  // namespace granary::ctl
