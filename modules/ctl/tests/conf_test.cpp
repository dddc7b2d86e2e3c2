// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// conf_test.cpp — option text: what it sets, and what is said about what is wrong in it.
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <granary/ctl/conf.hpp>

#include "conf_value.hpp"
#include "spelling.hpp"

namespace granary::ctl {
namespace {

struct Said {
    Severity severity;
    std::string line;
};

class Conf : public testing::Test {
protected:
    size_t parse(std::string_view text) { return parse_conf("TEXT", text, settings_, sink_); }

    Settings read(std::vector<ConfSource> sources) {
        Settings settings;
        read_conf(sources, settings, sink_);
        return settings;
    }

    [[nodiscard]] core::HeapOptions heap() const { return heap_options(settings_); }

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
    EXPECT_EQ(heap().dirty_decay_ms, core::HeapOptions().dirty_decay_ms);
}

TEST_F(Conf, SetsEveryOption) {
    EXPECT_EQ(parse("dirty_decay_ms:5,muzzy_decay_ms:-1,narenas:7,tcache:false,"
                    "background_thread:true,stats_print:true,abort_conf:true,confirm_conf:true"),
              0U);
    EXPECT_EQ(heap().dirty_decay_ms, 5);
    EXPECT_EQ(heap().muzzy_decay_ms, -1);
    EXPECT_EQ(heap().arena_limit, 7U);
    EXPECT_FALSE(heap().thread_cache);
    EXPECT_TRUE(heap().background_thread);
    EXPECT_TRUE(settings_.flag(row("stats_print")));
    EXPECT_TRUE(settings_.flag(row("abort_conf")));
    EXPECT_TRUE(settings_.flag(row("confirm_conf")));
    EXPECT_TRUE(said_.empty());
}

TEST_F(Conf, ReadsIntegersInCNotation) {
    EXPECT_EQ(parse("dirty_decay_ms:0x1F"), 0U);
    EXPECT_EQ(heap().dirty_decay_ms, 31);
    EXPECT_EQ(parse("dirty_decay_ms:017"), 0U);
    EXPECT_EQ(heap().dirty_decay_ms, 15);
    EXPECT_EQ(parse("dirty_decay_ms:+8"), 0U);
    EXPECT_EQ(heap().dirty_decay_ms, 8);
    EXPECT_EQ(parse("dirty_decay_ms:0"), 0U);
    EXPECT_EQ(heap().dirty_decay_ms, 0);
    EXPECT_EQ(parse("dirty_decay_ms:-0x1"), 0U);
    EXPECT_EQ(heap().dirty_decay_ms, -1);
}

TEST_F(Conf, TakesTheWordDefaultForTheNumberOfArenas) {
    settings_.set(row("narenas"), 9);
    EXPECT_EQ(parse("narenas:default"), 0U);
    EXPECT_EQ(heap().arena_limit, 0U);
}

TEST_F(Conf, RefusesWhatIsNoIntegerAndKeepsTheOldValue) {
    for (const char* bad : {"", "x", "1x", "0x", "08", "--1", "1 ", " 1", "1.5", "0xg", "-"}) {
        said_.clear();
        EXPECT_EQ(parse(std::string("dirty_decay_ms:") + bad), 1U) << bad;
        EXPECT_EQ(said_.size(), 1U) << bad;
        EXPECT_EQ(heap().dirty_decay_ms, 10'000) << bad;
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
    EXPECT_EQ(parse("narenas:4294967296"), 1U);
    EXPECT_EQ(parse("narenas:4294967295"), 0U);
}

TEST_F(Conf, TakesOnlyTrueAndFalseForABoolean) {
    for (const char* bad : {"", "1", "yes", "TRUE", "true ", "fals"}) {
        said_.clear();
        EXPECT_EQ(parse(std::string("tcache:") + bad), 1U);
        ASSERT_EQ(said_.size(), 1U);
        EXPECT_EQ(said_[0].line, std::string("TEXT: 'tcache:") + bad +
                                     "' is not valid: the value must be true or false");
    }
    EXPECT_TRUE(heap().thread_cache);
}

TEST_F(Conf, ReadsTheRestAfterABadPair) {
    EXPECT_EQ(parse("nonsense,dirty_decay:5,tcache:maybe,:3,narenas:3"), 4U);
    EXPECT_EQ(said_.size(), 4U);
    EXPECT_EQ(heap().arena_limit, 3U);
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

/// A value of the row's kind that is not its default.
std::string other_value(const OptionInfo& option) {
    switch (option.kind) {
        case OptionKind::boolean:
            return option.preset != 0 ? "false" : "true";
        case OptionKind::word:
            return option.choice(option.choices() - 1);
        case OptionKind::letters:
            return "ab";
        case OptionKind::text:
            return "anything";
        case OptionKind::ranges:
            return "1-2:3|0x10-0x20:4";
        case OptionKind::fixed:
            return option.most == 65536 ? "0.5" : "1.5";
        default: {
            const int64_t near = (option.least < 0 ? 0 : option.least) + 1;
            return std::to_string(static_cast<uint64_t>(near) == option.preset ? near + 1 : near);
        }
    }
}

TEST_F(Conf, TakesEveryOptionAndOnlyConfirmsIt) {
    for (size_t i = 0; i < kOptions.size(); ++i) {
        if (i == row("confirm_conf"))
            continue;
        said_.clear();
        settings_ = Settings();
        settings_.set(row("confirm_conf"), 1);
        const std::string pair = std::string(kOptions[i].name()) + ":" + other_value(kOptions[i]);
        EXPECT_EQ(parse(pair), 0U) << pair;
        ASSERT_FALSE(said_.empty()) << pair;
        EXPECT_EQ(said_.back().severity, Severity::note) << pair;
        EXPECT_EQ(said_.back().line.find("TEXT: sets '" + pair + "'"), 0U) << said_.back().line;
        const bool explained = said_.back().line.find("no effect") != std::string::npos;
        EXPECT_EQ(explained, kOptions[i].effect == Effect::elsewhere) << said_.back().line;
        const bool absent = kOptions[i].effect == Effect::absent;
        const bool warned = said_.size() == 2 && said_[0].severity == Severity::warning;
        EXPECT_EQ(warned, absent && !kOptions[i].is_text()) << pair;
    }
    said_.clear();
    settings_ = Settings();
    EXPECT_EQ(parse("experimental_anything:true"), 0U);
    EXPECT_TRUE(said_.empty());
}

TEST_F(Conf, SaysNothingAboutOptionsThatDoNothingUnlessAsked) {
    EXPECT_EQ(parse("hpa:true,dss:primary,cache_oblivious:true,percpu_arena:percpu,bin_shards:1-9:2"),
              0U);
    EXPECT_TRUE(said_.empty());
}

TEST_F(Conf, WarnsAboutFeaturesThatTheBuildLacks) {
    EXPECT_EQ(parse("prof:true,prof_accum:false"), 0U);
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_EQ(said_[0].severity, Severity::warning);
    EXPECT_EQ(said_[0].line,
              "TEXT: 'prof:true' asks for what this build does not have: the heap profiler");
}

TEST_F(Conf, ClipsWhereJemallocDoesAndRefusesElsewhere) {
    EXPECT_EQ(parse("tcache_max:999999,tcache_nslots_large:0,tcache_gc_incr_bytes:1,"
                    "max_background_threads:99999999999999999999,hpa_sec_max_bytes:-5"),
              0U);
    EXPECT_EQ(settings_.number(row("tcache_max")), 32768U);
    EXPECT_EQ(settings_.number(row("tcache_nslots_large")), 1U);
    EXPECT_EQ(settings_.number(row("tcache_gc_incr_bytes")), 1024U);
    EXPECT_EQ(settings_.number(row("max_background_threads")), 32U);
    EXPECT_EQ(settings_.number(row("hpa_sec_max_bytes")), 262144U);
    EXPECT_EQ(parse("lg_tcache_nslots_mul:17,lg_tcache_nslots_mul:-17,oversize_threshold:-1,"
                    "lg_extent_max_active_fit:65,mutex_max_spin:-2,stats_interval:-2"),
              6U);
    EXPECT_EQ(parse("oversize_threshold:8070450532247928832,mutex_max_spin:9223372036854775807,"
                    "tcache_gc_delay_bytes:18446744073709551615,lg_tcache_nslots_mul:-16"),
              0U);
    EXPECT_EQ(settings_.number(row("tcache_gc_delay_bytes")), UINT64_MAX);
    EXPECT_EQ(settings_.signed_number(row("lg_tcache_nslots_mul")), -16);
}

TEST_F(Conf, TakesWholeWordsOnlyAndNamesThem) {
    EXPECT_EQ(parse("thp:always,junk:free,zero_realloc:abort,metadata_thp:auto"), 0U);
    EXPECT_STREQ(settings_.word(row("thp")), "always");
    EXPECT_STREQ(settings_.word(row("junk")), "free");
    EXPECT_EQ(parse("thp:a,thp:,thp:Always"), 3U);
    EXPECT_EQ(said_.front().line,
              "TEXT: 'thp:a' is not valid: the value must be adaptive, default, always or never");
    EXPECT_STREQ(settings_.word(row("thp")), "always");
}

TEST_F(Conf, ReadsFractions) {
    EXPECT_EQ(parse("narenas_ratio:2.5,hpa_dirty_mult:-1,hpa_hugification_threshold_ratio:.5"), 0U);
    EXPECT_EQ(settings_.number(row("narenas_ratio")), 5U << 15);
    EXPECT_EQ(settings_.number(row("hpa_dirty_mult")), UINT32_MAX);
    EXPECT_EQ(settings_.number(row("hpa_hugification_threshold")), 1U << 20);
    EXPECT_EQ(parse("hpa_dirty_mult:0.25"), 0U);
    EXPECT_EQ(settings_.number(row("hpa_dirty_mult")), 1U << 14);
    EXPECT_EQ(parse("narenas_ratio:65535.9999999999999999999999999"), 0U);
    EXPECT_EQ(parse("narenas_ratio:65536,narenas_ratio:1.,narenas_ratio:,narenas_ratio:.,narenas_ratio:1.x,"
                    "hpa_purge_threshold_ratio:1.1"),
              6U);
}

TEST_F(Conf, ReadsRangesOnlyToSeeThatTheyAreSome) {
    EXPECT_EQ(parse("bin_shards:1-160:16|161-1024:8,slab_sizes:default,tcache_ncached_max:1-1:0"),
              0U);
    for (const char* bad : {"", "1", "1-2", "2-1:3", "1-2:", "1-2:-3", "x-2:3", "1-2:3||", "1-2:3;4-5:6"}) {
        said_.clear();
        EXPECT_EQ(parse(std::string("bin_shards:") + bad), 1U) << bad;
    }
}

TEST_F(Conf, KeepsTheReportsKnownLettersOnce) {
    EXPECT_EQ(parse("stats_print_opts:Jzmmda?,stats_interval_opts:"), 0U);
    EXPECT_STREQ(settings_.text(row("stats_print_opts")), "Jmda");
    EXPECT_STREQ(settings_.text(row("stats_interval_opts")), "");
}

TEST_F(Conf, RefusesTextThatIsTooLong) {
    EXPECT_EQ(parse("prof_prefix:" + std::string(kOptionText, 'p')), 0U);
    EXPECT_EQ(parse("prof_prefix:" + std::string(kOptionText + 1, 'q')), 1U);
    EXPECT_EQ(settings_.text(row("prof_prefix")), std::string(kOptionText, 'p'));
}

TEST_F(Conf, HandsTheHeapItsPart) {
    EXPECT_EQ(parse("junk:true,zero:true,zero_realloc:alloc,tcache_max:1024,retain:false,thp:never,"
                    "metadata_thp:auto,oversize_threshold:1048576,calloc_madvise_threshold:2097152,"
                    "mutex_max_spin:7,max_background_threads:3,stats_interval:65536,abort:true,"
                    "trust_madvise:true,narenas_ratio:1"),
              0U);
    const core::HeapOptions heap = heap_options(settings_);
    EXPECT_TRUE(heap.junk_allocated && heap.junk_freed && heap.zero_allocated);
    EXPECT_EQ(heap.zero_realloc, core::ZeroRealloc::allocate);
    EXPECT_EQ(heap.thread_cache_max, 1024U);
    EXPECT_FALSE(heap.retain);
    EXPECT_EQ(heap.huge_pages, core::HugePages::never);
    EXPECT_EQ(heap.metadata_huge_pages, core::HugePages::later);
    EXPECT_EQ(heap.purge_freed_from, 1048576U);
    EXPECT_EQ(heap.purge_to_zero_from, 2097152U);
    EXPECT_EQ(heap.lock_spins, 7);
    EXPECT_EQ(heap.background_threads, 3U);
    EXPECT_EQ(heap.report_interval, 65536);
    EXPECT_TRUE(heap.abort_on_warning && heap.trust_purges);
    EXPECT_EQ(heap.arenas_per_cpu_16, 1U << 16);
}

TEST_F(Conf, ReadingNothingGivesTheHeapsOwnDefaults) {
    // A process without any text takes the latter and does not ask for the former.
    EXPECT_TRUE(heap_options(Settings()) == core::HeapOptions());
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
    EXPECT_EQ(heap_options(settings).arena_limit, 2U);
    EXPECT_EQ(heap_options(settings).dirty_decay_ms, 1);
    EXPECT_EQ(heap_options(settings).muzzy_decay_ms, 3);
    EXPECT_TRUE(settings.valid);
}

TEST_F(Conf, EachBadPairIsReportedOnceAlthoughTextIsReadTwice) {
    static_cast<void>(read({{"a", "bad"}, {"b", "worse:1"}}));
    ASSERT_EQ(said_.size(), 2U);
    EXPECT_EQ(said_[0].line.substr(0, 3), "a: ");
    EXPECT_EQ(said_[1].line.substr(0, 3), "b: ");
}

TEST_F(Conf, ConfirmsEverySettingOfEverySourceWhenAnySourceAsks) {
    const Settings settings = read({{"a", "narenas:1"}, {"b", "confirm_conf:true,tcache:false"}});
    EXPECT_TRUE(settings.flag(row("confirm_conf")));
    ASSERT_EQ(said_.size(), 3U);
    EXPECT_EQ(said_[0].line, "a: sets 'narenas:1'");
    EXPECT_EQ(said_[1].line, "b: sets 'confirm_conf:true'");
    EXPECT_EQ(said_[2].line, "b: sets 'tcache:false'");
    EXPECT_EQ(said_[0].severity, Severity::note);
}

TEST_F(Conf, ConfirmsNothingWhenTheLastWordIsFalse) {
    const Settings settings = read({{"a", "confirm_conf:true"}, {"b", "confirm_conf:false"}});
    EXPECT_FALSE(settings.flag(row("confirm_conf")));
    EXPECT_TRUE(said_.empty());
}

TEST_F(Conf, AbortConfRefusesAfterABadPairButNotAfterAWarning) {
    EXPECT_FALSE(read({{"a", "bad"}, {"b", "abort_conf:true"}}).valid);
    EXPECT_TRUE(read({{"a", "bad"}}).valid);
    EXPECT_TRUE(read({{"a", "prof:true,abort_conf:true"}}).valid);
    EXPECT_TRUE(read({{"a", "bad,abort_conf:true"}, {"b", "abort_conf:false"}}).valid);
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
