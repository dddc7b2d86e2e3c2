// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_test.cpp — option text: what it sets, and what is said about what is wrong in it.
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <granary/ctl/conf.hpp>

#include "conf_foreign.hpp"
#include "spelling.hpp"

namespace granary::ctl {
namespace {

struct Said {
    Severity severity;
    std::string line;
};

class Conf : public testing::Test {
protected:
    size_t parse(std::string_view text) { return parse_conf({"TEXT", text}, settings_, sink_); }

    Settings read(std::vector<ConfSource> sources) { return read_conf(sources, sink_); }

    static void collect(void* self, Severity severity, std::string_view line) noexcept {
        static_cast<Conf*>(self)->said_.push_back({severity, std::string(line)});
    }

    Settings settings_;
    std::vector<Said> said_;
    Diagnostics sink_{&collect, this};
};

TEST_F(Conf, EmptyTextChangesNothingAndSaysNothing) {
    EXPECT_EQ(parse(""), 0U);
    EXPECT_TRUE(said_.empty());
    EXPECT_EQ(settings_.heap.dirty_decay_ms, core::HeapOptions().dirty_decay_ms);
}

TEST_F(Conf, SetsEveryOption) {
    EXPECT_EQ(parse("dirty_decay_ms:5,muzzy_decay_ms:-1,narenas:7,tcache:false,"
                    "background_thread:true,stats_print:true,abort_conf:true,confirm_conf:true"),
              0U);
    EXPECT_EQ(settings_.heap.dirty_decay_ms, 5);
    EXPECT_EQ(settings_.heap.muzzy_decay_ms, -1);
    EXPECT_EQ(settings_.heap.arena_limit, 7U);
    EXPECT_FALSE(settings_.heap.thread_cache);
    EXPECT_TRUE(settings_.heap.background_thread);
    EXPECT_TRUE(settings_.stats_print);
    EXPECT_TRUE(settings_.abort_conf);
    EXPECT_TRUE(settings_.confirm_conf);
    EXPECT_TRUE(said_.empty());
}

TEST_F(Conf, ReadsIntegersInCNotation) {
    EXPECT_EQ(parse("dirty_decay_ms:0x1F"), 0U);
    EXPECT_EQ(settings_.heap.dirty_decay_ms, 31);
    EXPECT_EQ(parse("dirty_decay_ms:017"), 0U);
    EXPECT_EQ(settings_.heap.dirty_decay_ms, 15);
    EXPECT_EQ(parse("dirty_decay_ms:+8"), 0U);
    EXPECT_EQ(settings_.heap.dirty_decay_ms, 8);
    EXPECT_EQ(parse("dirty_decay_ms:0"), 0U);
    EXPECT_EQ(settings_.heap.dirty_decay_ms, 0);
    EXPECT_EQ(parse("dirty_decay_ms:-0x1"), 0U);
    EXPECT_EQ(settings_.heap.dirty_decay_ms, -1);
}

TEST_F(Conf, TakesTheWordDefaultForTheNumberOfArenas) {
    settings_.heap.arena_limit = 9;
    EXPECT_EQ(parse("narenas:default"), 0U);
    EXPECT_EQ(settings_.heap.arena_limit, 0U);
}

TEST_F(Conf, RefusesWhatIsNoIntegerAndKeepsTheOldValue) {
    for (const char* bad : {"", "x", "1x", "0x", "08", "--1", "1 ", " 1", "1.5", "0xg", "-"}) {
        said_.clear();
        EXPECT_EQ(parse(std::string("dirty_decay_ms:") + bad), 1U) << bad;
        EXPECT_EQ(said_.size(), 1U) << bad;
        EXPECT_EQ(settings_.heap.dirty_decay_ms, 10'000) << bad;
    }
}

TEST_F(Conf, NamesTheRangeOfAnIntegerOutsideIt) {
    for (const char* bad :
         {"-2", "18446744072001", "99999999999999999999999", "-9223372036854775808"}) {
        said_.clear();
        EXPECT_EQ(parse(std::string("dirty_decay_ms:") + bad), 1U);
        ASSERT_EQ(said_.size(), 1U);
        EXPECT_EQ(said_[0].line, std::string("TEXT: 'dirty_decay_ms:") + bad +
                                     "' is not valid: the value must be an integer from -1 to "
                                     "18446744072000");
    }
    EXPECT_EQ(parse("dirty_decay_ms:18446744072000"), 0U);
    EXPECT_EQ(parse("narenas:0"), 1U);
    EXPECT_EQ(parse("narenas:4095"), 1U);
    EXPECT_EQ(parse("narenas:4094"), 0U);
}

TEST_F(Conf, TakesOnlyTrueAndFalseForABoolean) {
    for (const char* bad : {"", "1", "yes", "TRUE", "true ", "fals"}) {
        said_.clear();
        EXPECT_EQ(parse(std::string("tcache:") + bad), 1U);
        ASSERT_EQ(said_.size(), 1U);
        EXPECT_EQ(said_[0].line, std::string("TEXT: 'tcache:") + bad +
                                     "' is not valid: the value must be true or false");
    }
    EXPECT_TRUE(settings_.heap.thread_cache);
}

TEST_F(Conf, ReadsTheRestAfterABadPair) {
    EXPECT_EQ(parse("nonsense,dirty_decay:5,tcache:maybe,:3,narenas:3"), 4U);
    EXPECT_EQ(said_.size(), 4U);
    EXPECT_EQ(settings_.heap.arena_limit, 3U);
}

TEST_F(Conf, NamesThePairAndTheNearestOptionForAnUnknownKey) {
    EXPECT_EQ(parse("dirty_decay:5"), 1U);
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_EQ(said_[0].line,
              "TEXT: unknown option in 'dirty_decay:5'; the nearest known one is 'dirty_decay_ms'");
    said_.clear();
    EXPECT_EQ(parse("n_arenas:5"), 1U);
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_NE(said_[0].line.find("'narenas'"), std::string::npos);
}

TEST_F(Conf, ReportsEmptyPairsOnce) {
    EXPECT_EQ(parse("narenas:1,"), 1U);
    EXPECT_EQ(parse(",narenas:1"), 1U);
    EXPECT_EQ(parse(","), 2U);
    EXPECT_EQ(said_.size(), 4U);
    EXPECT_EQ(said_[0].line, "TEXT: empty pair: there is a comma too many");
}

TEST_F(Conf, WarnsOnceAboutEveryOptionThatOnlyJemallocHas) {
    for (const std::string_view name : kForeignOptions) {
        said_.clear();
        const std::string pair = std::string(name) + ":1";
        EXPECT_EQ(parse(pair), 0U) << name;
        ASSERT_EQ(said_.size(), 1U) << name;
        EXPECT_EQ(said_[0].severity, Severity::warning);
        EXPECT_EQ(said_[0].line,
                  "TEXT: '" + pair + "' is known to jemalloc, has no effect in granary");
    }
    said_.clear();
    EXPECT_EQ(parse("experimental_anything:true"), 0U);
    EXPECT_EQ(said_.size(), 1U);
}

TEST_F(Conf, NoOptionIsBothGranarysAndForeign) {
    for (const OptionInfo& option : kOptions) {
        for (const std::string_view foreign : kForeignOptions) EXPECT_NE(option.name, foreign);
    }
}

TEST_F(Conf, ShowsHostileTextWithoutControlCharactersAndCut) {
    EXPECT_EQ(parse("a\x1b[31m\n\xff:1"), 1U);
    EXPECT_EQ(parse(std::string(100'000, 'k') + ":v"), 1U);
    ASSERT_EQ(said_.size(), 2U);
    EXPECT_NE(said_[0].line.find("'a?[31m??:1'"), std::string::npos) << said_[0].line;
    EXPECT_LT(said_[1].line.size(), 320U);
    EXPECT_NE(said_[1].line.find("...'"), std::string::npos);
    EXPECT_NE(said_[1].line.find("nearest"), std::string::npos);
}

TEST_F(Conf, SurvivesEveryShortText) {
    const std::string alphabet = ":,n0-x";
    std::string text;
    std::vector<size_t> digits(6, 0);
    size_t programs = 0;
    for (bool done = false; !done; ++programs) {
        text.clear();
        for (const size_t d : digits) text += alphabet[d];
        said_.clear();
        const size_t errors = parse(text);
        EXPECT_EQ(errors, said_.size()) << text;
        size_t i = 0;
        while (i < digits.size() && ++digits[i] == alphabet.size()) digits[i++] = 0;
        done = i == digits.size();
    }
    EXPECT_EQ(programs, 46'656U);
}

TEST_F(Conf, LeavesErrnoAlone) {
    errno = 4711;
    parse("narenas:99999999999999999999,unknown:1");
    EXPECT_EQ(errno, 4711);
}

TEST_F(Conf, LaterSourcesWin) {
    const Settings settings = read({{"a", "narenas:1,dirty_decay_ms:1"},
                                    {"b", {}},
                                    {"c", "narenas:2"},
                                    {"d", "muzzy_decay_ms:3"}});
    EXPECT_EQ(settings.heap.arena_limit, 2U);
    EXPECT_EQ(settings.heap.dirty_decay_ms, 1);
    EXPECT_EQ(settings.heap.muzzy_decay_ms, 3);
    EXPECT_TRUE(settings.heap.valid);
}

TEST_F(Conf, EachBadPairIsReportedOnceAlthoughTextIsReadTwice) {
    static_cast<void>(read({{"a", "bad"}, {"b", "worse:1"}}));
    ASSERT_EQ(said_.size(), 2U);
    EXPECT_EQ(said_[0].line.substr(0, 3), "a: ");
    EXPECT_EQ(said_[1].line.substr(0, 3), "b: ");
}

TEST_F(Conf, ConfirmsEverySettingOfEverySourceWhenAnySourceAsks) {
    const Settings settings = read({{"a", "narenas:1"}, {"b", "confirm_conf:true,tcache:false"}});
    EXPECT_TRUE(settings.confirm_conf);
    ASSERT_EQ(said_.size(), 3U);
    EXPECT_EQ(said_[0].line, "a: sets 'narenas:1'");
    EXPECT_EQ(said_[1].line, "b: sets 'confirm_conf:true'");
    EXPECT_EQ(said_[2].line, "b: sets 'tcache:false'");
    EXPECT_EQ(said_[0].severity, Severity::note);
}

TEST_F(Conf, ConfirmsNothingWhenTheLastWordIsFalse) {
    const Settings settings = read({{"a", "confirm_conf:true"}, {"b", "confirm_conf:false"}});
    EXPECT_FALSE(settings.confirm_conf);
    EXPECT_TRUE(said_.empty());
}

TEST_F(Conf, AbortConfRefusesAfterABadPairButNotAfterAWarning) {
    EXPECT_FALSE(read({{"a", "bad"}, {"b", "abort_conf:true"}}).heap.valid);
    EXPECT_TRUE(read({{"a", "bad"}}).heap.valid);
    EXPECT_TRUE(read({{"a", "prof:true,abort_conf:true"}}).heap.valid);
    EXPECT_TRUE(read({{"a", "bad,abort_conf:true"}, {"b", "abort_conf:false"}}).heap.valid);
}

TEST_F(Conf, EveryOptionRoundTripsThroughItsRow) {
    for (const OptionInfo& option : kOptions) {
        EXPECT_FALSE(option.doc.empty()) << option.name;
        for (const int64_t value : {option.least, option.most}) {
            Settings settings;
            option.set(settings, value);
            EXPECT_EQ(option.get(settings), value) << option.name;
        }
    }
}

TEST(Spelling, DistanceCountsInsertionsDeletionsAndReplacements) {
    EXPECT_EQ(spelling_distance("narenas", "narenas"), 0U);
    EXPECT_EQ(spelling_distance("narenas", "narena"), 1U);
    EXPECT_EQ(spelling_distance("narena", "narenas"), 1U);
    EXPECT_EQ(spelling_distance("marenas", "narenas"), 1U);
    EXPECT_EQ(spelling_distance("", "abc"), 3U);
    EXPECT_EQ(spelling_distance("kitten", "sitting"), 3U);
}

}  // namespace
}  // namespace granary::ctl
