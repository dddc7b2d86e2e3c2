// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// metrics_test.cpp — the metrics keep to the OpenMetrics text format.
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <granary/ctl/report.hpp>

#include "support/fake_core.hpp"

namespace granary::ctl {
namespace {

using tests::fake_core;

std::string metrics() {
    std::string text;
    print_metrics([](void* out, const char* piece) { *static_cast<std::string*>(out) += piece; },
                  &text);
    return text;
}

struct Reading {
    std::map<std::string, std::string> types;  ///< by family
    std::map<std::string, std::string> samples;
    std::string mistake;
};

bool is_suffix(const std::string& name, const std::string& end) {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

/// Reads one line of a family's head; an empty answer means that all is well.
std::string read_head(const std::string& line, std::string& family, Reading& reading,
                      std::set<std::string>& helped) {
    std::istringstream words(line);
    std::string hash;
    std::string keyword;
    std::string name;
    std::string rest;
    words >> hash >> keyword >> name >> rest;
    if (keyword == "TYPE") {
        family = name;
        return reading.types.emplace(name, rest).second ? "" : "a family twice";
    }
    if (name != family)
        return "a line outside its family";
    if (keyword == "UNIT")
        return is_suffix(name, "_" + rest) ? "" : "a unit that is not in the name";
    return keyword == "HELP" && helped.insert(name).second ? "" : "an unknown line";
}

Reading read(const std::string& text) {
    Reading reading;
    std::istringstream lines(text);
    std::string line;
    std::string family;
    std::set<std::string> helped;
    bool ended = false;
    while (std::getline(lines, line) && reading.mistake.empty()) {
        if (ended) {
            reading.mistake = "text after the end";
        } else if (line == "# EOF") {
            ended = true;
        } else if (line[0] == '#') {
            reading.mistake = read_head(line, family, reading, helped);
        } else {
            const size_t blank = line.rfind(' ');
            const std::string sample = line.substr(0, blank);
            const std::string name = sample.substr(0, sample.find('{'));
            const bool is_counter = reading.types[family] == "counter";
            if (name != family + (is_counter ? "_total" : "") || helped.count(family) == 0)
                reading.mistake = "a sample outside its family";
            if (!reading.samples.emplace(sample, line.substr(blank + 1)).second)
                reading.mistake = "a sample twice";
        }
        if (!reading.mistake.empty())
            reading.mistake += ": " + line;
    }
    if (!ended)
        reading.mistake += " no end";
    return reading;
}

class Metrics : public testing::Test {
protected:
    void SetUp() override {
        tests::reset_fake_core(2);
        core::HeapSnapshot& heap = fake_core().heap;
        heap.small_allocated = 1234;
        heap.dirty_purged = 3;
        heap.bins[2].live_regions = 5;
        heap.bins[2].runs_made = 1;
        heap.large_classes[0] = {7, 3, 0};
        heap.cached = 100;
        heap.thread_cached = 60;
        fake_core().locks.background.acquired = 8;
    }
};

TEST_F(Metrics, AreFamiliesWithTypeHelpAndSamplesUpToTheEnd) {
    const Reading reading = read(metrics());
    EXPECT_EQ(reading.mistake, "");
    EXPECT_GT(reading.types.size(), 15U);
}

TEST_F(Metrics, SayWhatTheStatisticsSay) {
    Reading reading = read(metrics());
    EXPECT_EQ(reading.samples["granary_allocated_bytes{kind=\"small\"}"], "1234");
    EXPECT_EQ(reading.samples["granary_purged_bytes_total{state=\"dirty\"}"], "12288");
    EXPECT_EQ(reading.samples["granary_class_live_regions{bytes=\"32\"}"], "5");
    EXPECT_EQ(reading.samples["granary_large_class_live_regions{bytes=\"40960\"}"], "4");
    EXPECT_EQ(reading.samples["granary_cached_bytes{place=\"parked\"}"], "40");
    EXPECT_EQ(reading.samples["granary_lock_acquisitions_total{lock=\"background_thread\"}"], "8");
    EXPECT_EQ(reading.samples.count("granary_class_live_regions{bytes=\"16\"}"), 0U);
}

TEST_F(Metrics, RefreshTheStatistics) {
    static_cast<void>(metrics());
    fake_core().heap.mapped = 77;
    EXPECT_EQ(read(metrics()).samples["granary_mapped_bytes"], "77");
}

}  // namespace
}  // namespace granary::ctl
