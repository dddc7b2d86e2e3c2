// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// contract.hpp — sizes and questions that the contract tests share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../support/abi.hpp"

namespace granary::tests {

inline const Abi& abi = tested_abi();

inline constexpr size_t kPtrdiffMax = static_cast<size_t>(PTRDIFF_MAX);
inline constexpr int kUntouched = 0x7777;

/// Sizes around every power of two up to 32 MiB.
inline std::vector<size_t> interesting_sizes() {
    std::vector<size_t> sizes = {0, 1, 2, 3};
    for (size_t power = 4; power <= size_t{32} << 20; power *= 2) {
        for (const size_t size : {power - 1, power, power + 1, power + power / 2})
            sizes.push_back(size);
    }
    return sizes;
}

/// Sizes that no machine has.
inline const std::vector<size_t> kImpossibleSizes = {
    kPtrdiffMax,   kPtrdiffMax + 1, kPtrdiffMax + 2, SIZE_MAX - 4096, SIZE_MAX - 4095,
    SIZE_MAX - 64, SIZE_MAX - 16,   SIZE_MAX - 1,    SIZE_MAX};

inline bool is_aligned(const void* pointer, size_t alignment) {
    return reinterpret_cast<uintptr_t>(pointer) % alignment == 0;
}

}  // namespace granary::tests
