// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cross_thread.cpp — generations of threads that work on their own objects of 8 B to 1 MiB and
// swap a quarter of them through a shared array, so that any thread may free what another has
// allocated, also after that one has ended. Every word is written.
//
// Objects carry their own size and tag, since the thread that frees does not know who made them.
#include "harness.hpp"

#include <atomic>

using namespace workload;

namespace {

constexpr std::uint32_t kShared = 1000;
constexpr std::uint32_t kOwn = 1000;
constexpr std::uint32_t kLargest = 1U << 20;
constexpr std::uint64_t kGenerations = 40;
constexpr std::uint32_t kStepsPerGeneration = 40'000;

struct Header {
    std::uint32_t words;
    std::uint32_t tag;
};

using Object = std::uint64_t*;

/// Word 0 is the header; all others are its tag times an odd constant.
std::uint64_t word_of(std::uint32_t tag) {
    return tag * 0x9E3779B97F4A7C15U;
}

/// Mostly 8 to 256 bytes, one in 100 a hundred times as large, one in 1000 a thousand times.
std::uint32_t draw_size(Random& random) {
    std::uint32_t size = 8 * random.between(1, 32);
    const std::uint32_t dice = random.below(1000);
    if (dice == 0)
        size *= 1000;
    if (dice > 0 && dice <= 10)
        size *= 100;
    return size > kLargest ? kLargest : size;
}

Object make(std::uint32_t size, std::uint32_t tag) {
    auto* object = reinterpret_cast<Object>(allocate(size));
    const Header header{size / 8, tag};
    __builtin_memcpy(object, &header, sizeof header);
    for (std::uint32_t i = 1; i < header.words; ++i) object[i] = word_of(tag);
    return object;
}

std::uint64_t destroy(Object object) {
    if (object == nullptr)
        return 0;
    Header header{};
    __builtin_memcpy(&header, object, sizeof header);
    if (header.words == 0 || header.words > kLargest / 8)
        fail("header overwritten", object);
    std::uint64_t difference = 0;
    for (std::uint32_t i = 1; i < header.words; ++i) difference |= object[i] ^ word_of(header.tag);
    if (difference != 0)
        fail("content overwritten", object);
    std::free(object);
    return header.tag;
}

using SharedArray = MappedArray<std::atomic<Object>>;

Tally work(SharedArray& shared, std::uint32_t steps, std::uint64_t seed) {
    MappedArray<Object> own(kOwn);
    Random random(seed);
    Tally tally;
    for (std::uint32_t i = 0; i < steps; ++i) {
        Object& place = own[random.below(kOwn)];
        tally.checksum += destroy(place);
        place = make(draw_size(random), i + 1);
        if (random.below(4) == 0) {
            // ORDER: acq_rel, the content goes over together with the pointer, both ways.
            place = shared[random.below(kShared)].exchange(place, std::memory_order_acq_rel);
        }
    }
    for (Object& object : own) tally.checksum += destroy(object);
    tally.operations = steps;
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    const std::uint64_t generations = options.scaled(kGenerations);
    SharedArray shared(kShared);
    Report report("cross_thread", options);
    report.start();
    Tally tally;
    for (std::uint64_t g = 0; g < generations; ++g) {
        tally.add(run_threads(options.threads, [&](unsigned index) {
            return work(shared, kStepsPerGeneration, options.seed + g * 256 + index);
        }));
    }
    // ORDER: relaxed, all threads are joined.
    for (std::atomic<Object>& place : shared)
        tally.checksum += destroy(place.exchange(nullptr, std::memory_order_relaxed));
    report.stop();
    // A header that two owners share looks sound to both; the sum of the tags tells.
    const std::uint64_t of_one_thread =
        std::uint64_t{kStepsPerGeneration} * (kStepsPerGeneration + 1) / 2;
    if (tally.checksum != of_one_thread * options.threads * generations)
        fail("objects were lost or handed out twice (tags overwritten)", nullptr);
    return report.print(tally);
}
