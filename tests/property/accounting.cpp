// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// accounting.cpp — see the header.
#include "accounting.hpp"

#include <algorithm>
#include <cstdio>

namespace granary::tests {
namespace {

constexpr size_t kLongestName = 64;
constexpr size_t kPage = 4096;

template <typename T>
T ask(const Abi& abi, const char* name) {
    T value{};
    size_t length = sizeof value;
    if (abi.mallctl(name, &value, &length, nullptr, 0) != 0)
        diverged("mallctl(\"%s\") failed", name);
    return value;
}

}  // namespace

Accounting::Accounting(const Abi& abi) : abi_(abi) {
    if (!abi.alone)
        return;
    char name[kLongestName];
    small_count_ = ask<unsigned>(abi, "arenas.nbins");
    for (size_t i = 0; i < small_count_; ++i) {
        std::snprintf(name, sizeof name, "arenas.bin.%zu.size", i);
        sizes_.push_back(value(name));
    }
    const size_t large = ask<unsigned>(abi, "arenas.nlextents");
    for (size_t i = 0; i < large; ++i) {
        std::snprintf(name, sizeof name, "arenas.lextent.%zu.size", i);
        sizes_.push_back(value(name));
    }
    refresh();
    for (size_t i = 0; i < sizes_.size(); ++i) baseline_.push_back(counted(i));
    baseline_bytes_ = value("stats.allocated");
}

size_t Accounting::value(const char* name) const { return ask<size_t>(abi_, name); }

size_t Accounting::counted(size_t index) const {
    char name[kLongestName];
    if (index < small_count_) {
        std::snprintf(name, sizeof name, "stats.arenas.4096.bins.%zu.curregs", index);
    } else {
        std::snprintf(name, sizeof name, "stats.arenas.4096.lextents.%zu.curlextents",
                      index - small_count_);
    }
    return value(name);
}

/// A small region has its class's size exactly; any other is in the smallest large class that holds
/// it, also one that is small but aligned beyond a page: it has pages of its own.
size_t Accounting::class_of(const Region& region) const {
    const auto large = sizes_.begin() + static_cast<std::ptrdiff_t>(small_count_);
    const auto small = std::lower_bound(sizes_.begin(), large, region.usable);
    if (region.alignment <= kPage && small != large && *small == region.usable)
        return static_cast<size_t>(small - sizes_.begin());
    return static_cast<size_t>(std::lower_bound(large, sizes_.end(), region.usable) -
                               sizes_.begin());
}

void Accounting::refresh() const {
    uint64_t epoch = 1;
    if (abi_.mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch) != 0)
        diverged("the epoch cannot be written");
}

void Accounting::expect(const std::vector<Region>& live) const {
    if (!abi_.alone)
        return;
    std::vector<size_t> expected = baseline_;
    size_t bytes = baseline_bytes_;
    for (const Region& region : live) {
        ++expected[class_of(region)];
        bytes += region.usable;
    }
    refresh();
    const size_t allocated = value("stats.allocated");
    if (allocated != bytes)
        diverged("stats.allocated is %zu, the live regions and the baseline have %zu bytes [B1]",
                 allocated, bytes);
    for (size_t i = 0; i < expected.size(); ++i) {
        const size_t found = counted(i);
        if (found != expected[i])
            diverged("class of %zu bytes: %zu live regions counted, %zu expected [B1]", sizes_[i],
                     found, expected[i]);
    }
    const size_t active = value("stats.active");
    const size_t resident = value("stats.resident");
    const size_t mapped = value("stats.mapped");
    if (allocated > active || active > resident || resident > mapped)
        diverged("allocated %zu, active %zu, resident %zu, mapped %zu do not rise [B2]", allocated,
                 active, resident, mapped);
}

void Accounting::expect_nothing_left() const {
    if (!abi_.alone)
        return;
    if (!purge_all_arenas(abi_))
        diverged("arena.4096.purge failed");
    expect({});
    const size_t dirty = value("stats.arenas.4096.pdirty");
    const size_t muzzy = value("stats.arenas.4096.pmuzzy");
    if (dirty + muzzy != 0)
        diverged("%zu dirty and %zu muzzy pages after a purge [B3]", dirty, muzzy);
}

}  // namespace granary::tests
