// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_birth.cpp — thousands of short threads, each of which allocates one small object,
// frees the one its predecessor left, and ends: what a thread costs, and what it leaks.
#include "harness.hpp"

#include <pthread.h>

using namespace workload;

namespace {

constexpr std::uint64_t kBirths = 4'000;
constexpr std::uint32_t kSize = 48;

struct Lane {
    Slot inherited{};
    Tally tally;
    std::uint32_t tag = 0;
};

void* live(void* argument) {
    Lane& lane = *static_cast<Lane*>(argument);
    Slot own{};
    fill(own, kSize, ++lane.tag);
    lane.tally.checksum += drop(lane.inherited);
    lane.inherited = own;
    ++lane.tally.operations;
    return nullptr;
}

Tally work(std::uint64_t births) {
    Lane lane;
    for (std::uint64_t i = 0; i < births; ++i) {
        pthread_t thread{};
        if (pthread_create(&thread, nullptr, live, &lane) != 0 ||
            pthread_join(thread, nullptr) != 0)
            fail("a thread could not be started", nullptr);
    }
    lane.tally.checksum += drop(lane.inherited);
    return lane.tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t births = options.scaled(kBirths);
    Report report("thread_birth", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned) { return work(births); });
    report.stop();
    return report.print(tally);
}
