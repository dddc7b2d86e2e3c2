// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_fuzz_test.cpp — hostile option text: no text brings a value out of its bounds, and each bad
//                      pair is one line.
//
// GRANARY_CONF_TEXTS says how many texts are tried (200,000 by default; the slow test tries 10^7),
// GRANARY_TEST_SEED which.
#include <cerrno>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <granary/ctl/conf.hpp>

namespace granary::ctl {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

/// Text that is nearly right: keys, values and separators, cut, doubled and overwritten.
class Texts {
public:
    explicit Texts(uint64_t seed) : random_(seed) {}

    const std::string& next() {
        text_.clear();
        const unsigned pairs = below(5);
        for (unsigned i = 0; i <= pairs; ++i) {
            if (i > 0)
                text_ += below(16) == 0 ? ",," : ",";
            append_pair();
        }
        for (unsigned damages = below(4); damages > 0; --damages) damage();
        return text_;
    }

private:
    unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

    void append_pair() {
        text_ += below(12) == 0 ? "experimental_x" : std::string(kOptions[below(kOptions.size())].name());
        if (below(16) != 0)
            text_ += ':';
        append_value();
    }

    void append_value() {
        static constexpr const char* kValues[] = {
            "true", "false", "default", "always", "never", "alloc", "free", "-1", "0", "1", "0x",
            "0x7fffffffffffffff", "18446744073709551615", "18446744073709551616", "-9223372036854775808",
            "07", "08", "1-2:3", "1-2:3|4-5:6", "0.5", ".", "1.", "65536", "Jmdablxeg", "", "+", "--1"};
        switch (below(4)) {
            case 0:
                text_ += std::to_string(random_());
                break;
            case 1: {
                const OptionInfo& option = kOptions[below(kOptions.size())];
                const auto count = static_cast<unsigned>(option.choices());
                text_ += count == 0 ? "disabled" : option.choice(below(count));
                break;
            }
            default:
                text_ += kValues[below(std::size(kValues))];
        }
    }

    void damage() {
        if (text_.empty())
            return;
        const size_t at = random_() % text_.size();
        switch (below(4)) {
            case 0:
                text_[at] = static_cast<char>(below(256));
                break;
            case 1:
                text_.erase(at, below(8));
                break;
            case 2:
                text_.insert(at, 1 + below(40), static_cast<char>(below(256)));
                break;
            default:
                text_.insert(at, text_.substr(at, below(20)));
        }
    }

    std::mt19937_64 random_;
    std::string text_;
};

struct Heard {
    size_t errors = 0;
    size_t longest = 0;
    bool printable = true;

    static void hear(void* self, Severity severity, std::string_view line) noexcept {
        auto& heard = *static_cast<Heard*>(self);
        heard.errors += severity == Severity::error ? 1 : 0;
        heard.longest = std::max(heard.longest, line.size());
        // The one character beyond ASCII in granary's own words is the ellipsis.
        for (const char c : line)
            heard.printable = heard.printable && (static_cast<unsigned char>(c) >= ' ') && c != '\x7f';
    }
};

bool is_sound(const Settings& settings) {
    for (size_t i = 0; i < kOptions.size(); ++i) {
        const OptionInfo& option = kOptions[i];
        const uint64_t value = settings.number(i);
        if (option.kind == OptionKind::boolean && value > 1)
            return false;
        if (option.kind == OptionKind::word && value >= option.choices())
            return false;
        const bool special = !option.word().empty() && value == option.word_value;
        if ((option.is_number() || option.kind == OptionKind::fixed) && !special && !is_within(option, value))
            return false;
        if (option.is_text() && std::string_view(settings.text(i)).size() > kOptionText)
            return false;
    }
    return true;
}

TEST(ConfFuzz, NoTextBringsAValueOutOfItsBounds) {
    const uint64_t seed = from_environment("GRANARY_TEST_SEED", 20260101);
    const uint64_t count = from_environment("GRANARY_CONF_TEXTS", 200'000);
    RecordProperty("seed", std::to_string(seed));
    Texts texts(seed);
    Settings settings;
    errno = 4711;
    size_t good = 0;
    for (uint64_t i = 0; i < count; ++i) {
        const std::string& text = texts.next();
        Heard heard;
        const Diagnostics sink{&Heard::hear, &heard};
        const size_t errors = parse_conf("T", text, settings, sink);
        good += errors == 0 ? 1 : 0;
        ASSERT_EQ(errors, heard.errors) << "seed " << seed << ": " << text;
        ASSERT_LE(heard.longest, 320U) << "seed " << seed << ": " << text;
        ASSERT_TRUE(heard.printable) << "seed " << seed << ": " << text;
        ASSERT_TRUE(i % 16 != 0 || is_sound(settings)) << "seed " << seed << ": " << text;
        if (i % 1024 == 0)
            settings = Settings();
    }
    EXPECT_EQ(errno, 4711);
    // Both kinds of text were among them.
    EXPECT_GT(good, count / 100);
    EXPECT_LT(good, count - count / 100);
}

}  // namespace
}  // namespace granary::ctl
