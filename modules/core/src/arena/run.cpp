// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// run.cpp — bitmap work.
#include "arena/run.hpp"

#include <algorithm>
#include <bit>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

#include "arena/misuse.hpp"

namespace granary::core::run {

namespace {

uint32_t index_in(const Extent& run, const void* region) noexcept {
    const auto offset = static_cast<uint32_t>(base::address_of(region) - run.base);
    return region_index(offset, kSizeClasses[run.size_class].reciprocal);
}

}  // namespace

void open(Extent& run, unsigned size_class) noexcept {
    run.kind = ExtentKind::run;
    run.size_class = static_cast<uint8_t>(size_class);
    run.bucket = kNoBucket;
    run.free_regions = 0;
    run.carved = 0;
    run.free_bits = {};
}

size_t take_free(Extent& run, void** out, size_t count) noexcept {
    const size_t size = kSizeClasses[run.size_class].size;
    const size_t taken = std::min<size_t>(count, run.free_regions);
    run.free_regions = static_cast<uint16_t>(run.free_regions - taken);
    void** next = out + taken;
    for (size_t w = 0; next != out; ++w) {
        uint64_t word = run.free_bits[w];
        const uintptr_t base = run.base + w * 64 * size;
        while (word != 0 && next != out) {
            *--next = base::pointer_at(base + static_cast<size_t>(std::countr_zero(word)) * size);
            word &= word - 1;
        }
        run.free_bits[w] = word;
    }
    return taken;
}

size_t carve(Extent& run, void** out, size_t count) noexcept {
    const SizeClass& cls = kSizeClasses[run.size_class];
    const size_t taken = std::min<size_t>(count, size_t{cls.run_regions} - run.carved);
    uintptr_t region = run.base + size_t{run.carved} * cls.size;
#pragma GCC unroll 4
    for (void** next = out + taken; next != out; region += cls.size)
        *--next = base::pointer_at(region);
    run.carved = static_cast<uint16_t>(run.carved + taken);
    return taken;
}

void refuse(const Extent& run, const void* region, uint32_t index) noexcept {
    const size_t size = kSizeClasses[run.size_class].size;
    if (index < run.carved)
        misuse::double_free(region, size);
    misuse::never_allocated("free", region, size);
}

bool is_free(const Extent& run, const void* region) noexcept {
    const uint32_t index = index_in(run, region);
    return index >= run.carved || (run.free_bits[index / 64] >> (index % 64) & 1) != 0;
}

void check_invariants(const Extent& run) noexcept {
    size_t count = 0;
    for (size_t w = 0; w < run.free_bits.size(); ++w)
        count += static_cast<size_t>(base::popcount(run.free_bits[w]));
    GRANARY_CHECK(count == run.free_regions, "run: free regions [X1]");
    for (size_t i = run.carved; i < kMaxRunRegions; ++i) {
        GRANARY_CHECK((run.free_bits[i / 64] >> (i % 64) & 1) == 0,
                      "run: free bit above carved [X1]");
    }
    GRANARY_CHECK(run.carved <= kSizeClasses[run.size_class].run_regions, "run: carved [X2]");
}

}  // namespace granary::core::run
