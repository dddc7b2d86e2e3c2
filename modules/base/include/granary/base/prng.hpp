// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// prng.hpp — a small seedable generator for jitter, sampling intervals and tests.
//
// Role        Reproducible choices; never a source of secrets.
// Invariants  R1  the state is not all zero: the seed goes through splitmix64 first.
// Locking     none; one per thread or per test.
// Cost        about ten instructions per number.
// Source      xoshiro256** and splitmix64, Blackman and Vigna 2018 (public-domain algorithms).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace granary::base {

/// One step of splitmix64: also good as a mixing function for hashes and seeds.
[[nodiscard]] constexpr uint64_t splitmix64(uint64_t& state) noexcept {
    state += 0x9e3779b97f4a7c15U;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

class Prng {
public:
    constexpr explicit Prng(uint64_t seed) noexcept {
        for (uint64_t& word : state_) {
            word = splitmix64(seed);
        }
    }

    [[nodiscard]] constexpr uint64_t next() noexcept {
        const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// Uniform over 0 .. bound - 1 up to a bias of bound / 2^64; 0 when bound is 0.
    [[nodiscard]] constexpr uint64_t below(uint64_t bound) noexcept {
        __extension__ using Wide = unsigned __int128;
        return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }

private:
    std::array<uint64_t, 4> state_{};
};

}  // namespace granary::base
