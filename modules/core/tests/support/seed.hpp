// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// seed.hpp — seeds of random tests: fixed, or GRANARY_TEST_SEED; every failure names its own.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

namespace granary::core::tests {

/// The seed of this run: `fallback`, unless the environment sets another.
[[nodiscard]] inline uint64_t test_seed(uint64_t fallback) {
    const char* text = std::getenv("GRANARY_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 0) : fallback;
}

/// For SCOPED_TRACE: what to set to see a failure again.
[[nodiscard]] inline std::string seed_note(uint64_t seed) {
    return "repeat with GRANARY_TEST_SEED=" + std::to_string(seed);
}

}  // namespace granary::core::tests
