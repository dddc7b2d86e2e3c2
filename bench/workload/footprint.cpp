// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// footprint.cpp — memory, not time.
//
// first      one malloc: what an allocator costs a program that hardly uses it
// idle       1000 threads that have each made one small object and then wait
// give_back  256 MiB in small objects (times the scale), all freed, then two seconds in which
//            little happens; steady_rss_kib tells what has gone back
#include "harness.hpp"

#include <barrier>
#include <chrono>

using namespace workload;

namespace {

constexpr unsigned kIdleThreads = 1000;
constexpr std::uint32_t kSmall = 64;
constexpr std::uint64_t kGiveBackObjects = (256ULL << 20) / kSmall;
constexpr int kQuietSteps = 20;
constexpr auto kQuietStep = std::chrono::milliseconds(100);

Tally one() {
    Slot slot{};
    fill(slot, kSmall, 1);
    return {1, drop(slot)};
}

Tally idle(Report& report) {
    std::barrier<> all_allocated(kIdleThreads + 1);
    std::barrier<> all_seen(kIdleThreads + 1);
    MappedArray<std::thread> team(kIdleThreads);
    MappedArray<Tally> tallies(kIdleThreads);
    for (unsigned i = 0; i < kIdleThreads; ++i) {
        team[i] = std::thread([&, i] {
            tallies[i] = one();
            all_allocated.arrive_and_wait();
            all_seen.arrive_and_wait();
        });
    }
    all_allocated.arrive_and_wait();
    report.mark_steady();
    all_seen.arrive_and_wait();
    Tally sum;
    for (unsigned i = 0; i < kIdleThreads; ++i) {
        team[i].join();
        sum.add(tallies[i]);
    }
    return sum;
}

/// The objects form a list through their first words, so that no array of 1/8 of the memory
/// stands beside them in the figures.
Tally give_back(std::uint64_t objects, Report& report) {
    unsigned char* newest = nullptr;
    for (std::uint64_t i = 0; i < objects; ++i) {
        unsigned char* object = allocate(kSmall);
        __builtin_memcpy(object, &newest, sizeof newest);
        stamp(object + 8, kSmall - 8, static_cast<std::uint32_t>(i));
        newest = object;
    }
    Tally tally;
    for (std::uint64_t i = objects; i-- > 0;) {
        check(newest + 8, kSmall - 8, static_cast<std::uint32_t>(i));
        unsigned char* next = nullptr;
        __builtin_memcpy(&next, newest, sizeof next);
        std::free(newest);
        newest = next;
        tally.checksum += static_cast<std::uint32_t>(i);
    }
    tally.operations = objects;
    // A little traffic, since most allocators look at the clock only when they are called.
    for (int step = 0; step < kQuietSteps; ++step) {
        std::this_thread::sleep_for(kQuietStep);
        for (std::uint32_t size = 8; size <= 65536; size *= 2) std::free(allocate(size));
    }
    report.mark_steady();
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "first|idle|give_back");
    Report report("footprint", options);
    report.start();
    const Tally tally = options.mode == "first" ? one()
                        : options.mode == "idle"
                            ? idle(report)
                            : give_back(options.scaled(kGiveBackObjects), report);
    report.stop();
    return report.print(tally);
}
