// SPDX-License-Identifier: Apache-2.0 OR MIT
// pairs.cpp — malloc and free of one size in turn: the hit path and nothing else.
#include "harness.hpp"

using namespace workload;

namespace {

/// Fewer rounds for sizes that no allocator serves in a few nanoseconds.
std::uint64_t rounds_for(std::size_t size) {
    if (size <= 1024)
        return 20'000'000;
    if (size <= 32768)
        return 8'000'000;
    if (size <= 262144)
        return 1'500'000;
    return 1'000'000;
}

Tally work(std::size_t size, std::uint64_t rounds, std::uint64_t seed) {
    Tally tally;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        const auto tag = static_cast<std::uint32_t>(seed + i);
        unsigned char* pointer = allocate(size);
        stamp(pointer, size, tag);
        escape(pointer);
        check(pointer, size, tag);
        std::free(pointer);
        tally.checksum += tag;
    }
    tally.operations = rounds;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t rounds = options.scaled(rounds_for(options.size));
    Report report("pairs", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        return work(options.size, rounds, options.seed + index);
    });
    report.stop();
    return report.print(tally);
}
