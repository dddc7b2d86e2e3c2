// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_test.cpp — the report's parts, and that its JSON is JSON.
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <granary/ctl/report.hpp>

#include "support/fake_core.hpp"

namespace granary::ctl {
namespace {

using tests::fake_core;

/// A strict reader of the JSON that reports use; collects `path = value`.
class JsonReader {
public:
    explicit JsonReader(std::string_view text) : rest_(text) {}

    bool read() { return value("") && (skip(), rest_.empty()); }

    std::map<std::string, std::string> values;

private:
    void skip() {
        while (!rest_.empty() && rest_.front() == '\n') rest_.remove_prefix(1);
    }

    bool take(char c) {
        if (rest_.empty() || rest_.front() != c)
            return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool string(std::string& out) {
        if (!take('"'))
            return false;
        const size_t end = rest_.find_first_of("\"\\\n");
        if (end == std::string_view::npos || rest_[end] != '"')
            return false;
        out = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return true;
    }

    bool value(const std::string& path) {
        if (take('{'))
            return members(path);
        if (take('['))
            return elements(path);
        std::string text;
        if (rest_.substr(0, 1) == "\"") {
            if (!string(text))
                return false;
        } else {
            const size_t end = rest_.find_first_of(",]}");
            if (end == std::string_view::npos)
                return false;
            text = rest_.substr(0, end);
            rest_.remove_prefix(end);
            const bool is_word = text == "true" || text == "false";
            const bool is_number =
                !text.empty() && text.find_first_not_of("-0123456789") == std::string::npos;
            if (!is_word && !is_number)
                return false;
        }
        return values.emplace(path, text).second;
    }

    bool members(const std::string& path) {
        std::set<std::string> keys;
        if (take('}'))
            return true;
        do {
            std::string key;
            if (!string(key) || !take(':') || !keys.insert(key).second)
                return false;
            if (!value(path + "/" + key))
                return false;
        } while (take(','));
        return take('}');
    }

    bool elements(const std::string& path) {
        size_t index = 0;
        if (take(']'))
            return true;
        do {
            if (!value(path + "/" + std::to_string(index++)))
                return false;
        } while (take(','));
        return take(']');
    }

    std::string_view rest_;
};

class Report : public testing::Test {
protected:
    void SetUp() override {
        tests::reset_fake_core(2);
        core::HeapSnapshot& heap = fake_core().heap;
        heap.allocated = 5'000'000'000;
        heap.small_allocated = 3'000'000'000;
        heap.huge_allocated = 2'000'000'000;
        heap.huge_live = 1;
        heap.active = 7 * core::kPageSize;
        heap.bins[3].live_regions = 10;
        heap.bins[3].runs = 1;
        heap.bins[3].runs_made = 4;
        heap.bins[3].regions_made = 500;
        heap.large_classes[2] = {9, 4, 0};
        heap.page_lock.acquired = 31;
        fake_core().locks.background.acquired = 17;
        fake_core().arenas[1].threads = 12;
    }

    static std::string print(const char* options) {
        std::string text;
        print_stats([](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; },
                    &text, options);
        return text;
    }

    static bool has(const std::string& text, std::string_view part) {
        return text.find(part) != std::string::npos;
    }
};

TEST_F(Report, TextBeginsAndEndsWithItsMarkers) {
    const std::string text = print(nullptr);
    EXPECT_EQ(text.find("___ Begin jemalloc statistics ___\n"), 0U);
    EXPECT_EQ(text.rfind("--- End jemalloc statistics ---\n"),
              text.size() - std::string("--- End jemalloc statistics ---\n").size());
}

TEST_F(Report, TextShowsTotalsOptionsClassesAndArenas) {
    const std::string text = print("");
    EXPECT_TRUE(has(text,
                    "Allocated: 5000000000, active: 28672, metadata: 0 (n_thp 0, edata 0, rtree 0), "
                    "resident: 0, mapped: 0, retained: 0, pinned: 0\n"));
    EXPECT_TRUE(has(text, "opt.dirty_decay_ms: 10000 (arenas.dirty_decay_ms: 10000)\n"));
    EXPECT_TRUE(has(text, "opt.hpa_dirty_mult: \"0.25\"\n"));
    EXPECT_TRUE(has(text, "Build-time option settings\n  config.cache_oblivious: false\n"));
    EXPECT_TRUE(has(text, "  config.malloc_conf: \"\"\n"));
    EXPECT_TRUE(has(text, "Background threads: 0, num_runs: 0, run_interval: 0 ns\n"));
    EXPECT_TRUE(has(text, "opt.narenas: 16\n"));
    EXPECT_TRUE(has(text, "opt.tcache: true\n"));
    EXPECT_TRUE(has(text, "Merged arenas stats:\n"));
    EXPECT_TRUE(has(text, "arenas[0]:\n"));
    EXPECT_TRUE(has(text, "arenas[1]:\nname: auto_1\nassigned threads: 12\n"));
    EXPECT_FALSE(has(text, "arenas[2]:"));
    EXPECT_TRUE(has(text, "bins:"));
}

TEST_F(Report, OptionsShowWhatTheyHaveBecome) {
    fake_core().dirty_decay_ms = 77;
    fake_core().muzzy_decay_ms = -1;
    fake_core().background_thread = true;
    fake_core().max_background_threads = 2;
    const std::string text = print("");
    for (const char* line : {"opt.dirty_decay_ms: 10000 (arenas.dirty_decay_ms: 77)\n",
                             "opt.muzzy_decay_ms: 0 (arenas.muzzy_decay_ms: -1)\n",
                             "opt.background_thread: false (background_thread: true)\n",
                             "opt.max_background_threads: 4 (max_background_threads: 2)\n"}) {
        EXPECT_TRUE(has(text, line)) << line;
    }
}

TEST_F(Report, LettersLeavePartsOut) {
    EXPECT_FALSE(has(print("g"), "opt."));
    EXPECT_FALSE(has(print("m"), "Merged"));
    EXPECT_FALSE(has(print("a"), "arenas["));
    EXPECT_FALSE(has(print("b"), "bins:"));
    EXPECT_FALSE(has(print("l"), "large:   "  "          size"));
    EXPECT_FALSE(has(print("e"), "extents: "));
    EXPECT_FALSE(has(print("x"), "locks:"));
    EXPECT_FALSE(has(print("h"), "HPA shard"));
    const std::string all = print("");
    for (const char* part : {"opt.", "Merged", "arenas[", "bins:", "curlextents", "extents: ",
                             "locks:", "HPA shard"}) {
        EXPECT_TRUE(has(all, part)) << part;
    }
    EXPECT_EQ(print("?Zq").size(), all.size());
}

TEST_F(Report, WhatComesBeforeTheFirstArenaIsTheSummary) {
    const std::string text = print("mdablxe").substr(0, print("mdablxe").find("arenas["));
    EXPECT_TRUE(has(text, "Allocated: "));
    const std::string cut = print("").substr(0, print("").find("arenas["));
    EXPECT_TRUE(has(cut, "Allocated: "));
    EXPECT_TRUE(has(cut, "Merged arenas stats:"));
    EXPECT_FALSE(has(cut, "name: auto_0"));
}

TEST_F(Report, OneArenaIsNotShownTwice) {
    tests::reset_fake_core(1);
    EXPECT_FALSE(has(print(""), "Merged"));
    EXPECT_TRUE(has(print("a"), "Merged"));
    EXPECT_FALSE(has(print("J"), "\"merged\""));
    EXPECT_TRUE(has(print("Ja"), "\"merged\""));
}

TEST_F(Report, ADestroyedArenaIsNotShownAsOne) {
    fake_core().dead.insert(1);
    EXPECT_FALSE(has(print(""), "arenas[1]"));
    EXPECT_FALSE(has(print(""), "Merged"));
    EXPECT_FALSE(has(print("J"), "\"1\":"));
    EXPECT_FALSE(has(print("J"), "\"merged\""));
}

TEST_F(Report, TablesShowCountsAndLeaveGaps) {
    const std::string text = print("ga");
    EXPECT_TRUE(has(text, "        ---\n"));
    EXPECT_TRUE(has(text, " 57344"));  // the third large class
    EXPECT_TRUE(has(text, "background_thread              17"));
    EXPECT_TRUE(has(text, "extents_dirty                  31"));
}

TEST_F(Report, RefreshesTheStatistics) {
    static_cast<void>(print(""));
    fake_core().heap.allocated = 77;
    EXPECT_TRUE(has(print("gmab"), "Allocated: 77,"));
}

TEST_F(Report, JsonIsOneValidObjectWithoutDuplicateKeys) {
    for (const char* options :
         {"J", "Jg", "Jm", "Ja", "Jb", "Jl", "Jx", "Je", "Jh", "Jd", "Jgmab", "Jgmdablxeh", "gJ"}) {
        const std::string text = print(options);
        JsonReader reader(text);
        EXPECT_TRUE(reader.read()) << options << "\n" << text;
    }
}

TEST_F(Report, JsonHasJemallocsKeys) {
    const std::string text = print("J");
    JsonReader reader(text);
    ASSERT_TRUE(reader.read());
    const auto& values = reader.values;
    auto at = [&](const std::string& path) {
        return values.count(path) != 0 ? values.at(path) : "absent";
    };
    EXPECT_EQ(at("/jemalloc/stats/allocated"), "5000000000");
    EXPECT_EQ(at("/jemalloc/opt/dirty_decay_ms"), "10000");
    EXPECT_EQ(at("/jemalloc/opt/narenas"), "16");
    EXPECT_EQ(at("/jemalloc/arenas/narenas"), "2");
    EXPECT_EQ(at("/jemalloc/arenas/page"), "4096");
    const std::string bin = "/jemalloc/arenas/bin/";
    EXPECT_EQ(at(bin + std::to_string(core::kSmallClassCount - 1) + "/size"), "32768");
    EXPECT_EQ(at(bin + std::to_string(core::kSmallClassCount) + "/size"), "absent");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/pactive"), "7");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/large/allocated"), "2000000000");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/bins/3/curregs"), "10");
    EXPECT_EQ(at("/jemalloc/stats.arenas/1/nthreads"), "12");
    EXPECT_EQ(at("/jemalloc/config/stats"), "true");
    EXPECT_EQ(at("/jemalloc/stats/mutexes/background_thread/num_ops"), "17");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/bins/3/nmalloc"), "500");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/bins/3/mutex/max_num_thds"), "0");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/lextents/2/curlextents"), "5");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/large/nmalloc"), "9");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/mutexes/extents_dirty/num_ops"), "31");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/extents/198/pinned_bytes"), "0");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/extents/199/pinned_bytes"), "absent");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/hpa_shard/slabs/ndirty_huge"), "0");
    EXPECT_EQ(at("/jemalloc/stats.arenas/0/hpa_shard/nonfull_slabs/63/ndirty_huge"), "0");
    EXPECT_EQ(at("/jemalloc/stats.arenas/0/hpa_shard/nonfull_slabs/64/ndirty_huge"), "absent");
    EXPECT_EQ(at("/jemalloc/stats.arenas/0/hpa_shard/extent_allocation_distribution/8/ps"), "0");
    EXPECT_EQ(at("/jemalloc/opt/hpa_dirty_mult"), "0.25");
    EXPECT_EQ(at("/jemalloc/config/malloc_conf"), "");
    EXPECT_EQ(at("/jemalloc/stats.arenas/0/name"), "auto_0");
    EXPECT_EQ(at("/jemalloc/stats.arenas/merged/name"), "absent");
    EXPECT_EQ(at("/jemalloc/arenas/lextent/0/size"), "40960");
    EXPECT_EQ(at("/jemalloc/arenas/nhbins"), std::to_string(core::kSmallClassCount));
    EXPECT_NE(at("/jemalloc/system/thp_mode"), "absent");
}

TEST_F(Report, PiecesAreTerminatedAndTogetherTheWhole) {
    struct Pieces {
        size_t count = 0;
        size_t longest = 0;
    } pieces;
    print_stats(
        [](void* out, const char* piece) {
            auto& p = *static_cast<Pieces*>(out);
            ++p.count;
            p.longest = std::max(p.longest, std::string_view(piece).size());
        },
        &pieces, "J");
    EXPECT_GT(pieces.count, 1U);
    EXPECT_LE(pieces.longest, 1024U);
}

}  // namespace
}  // namespace granary::ctl
