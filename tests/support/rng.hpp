// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// rng.hpp — a seedable generator for tests; the seed of every run is printed and can be set.
//
// Source      Blackman and Vigna 2018, xoshiro256**; Steele, Lea and Flood 2014, SplitMix64.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace granary::tests {

/// One step of SplitMix64's output function: a bijection that spreads every input bit.
[[nodiscard]] constexpr uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/// xoshiro256**; equal seeds give equal sequences on every platform.
class Rng {
public:
    explicit Rng(uint64_t seed) {
        for (uint64_t& word : state_) word = mix(seed += 0x9e3779b97f4a7c15U);
    }

    uint64_t next() {
        const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// A number in [0, limit), limit > 0; the bias of the multiplication is below 2^-32 for small limits.
    uint64_t below(uint64_t limit) {
        return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * limit) >> 64);
    }

    /// True once in `n` calls on average.
    bool one_in(uint64_t n) { return below(n) == 0; }

    /// A size in [1, 2^max_log2]: the exponent is uniform, then the mantissa.
    uint64_t log_uniform(unsigned max_log2) {
        const uint64_t top = uint64_t{1} << below(max_log2 + 1);
        return top - (top > 1 ? below(top / 2) : 0);
    }

private:
    std::array<uint64_t, 4> state_{};
};

/// GRANARY_TEST_SEED if set, else `fallback`; printed, so that a failing run can be repeated.
[[nodiscard]] inline uint64_t test_seed(uint64_t fallback) {
    const char* text = std::getenv("GRANARY_TEST_SEED");
    const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 0) : fallback;
    std::printf("GRANARY_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    return seed;
}

}  // namespace granary::tests
