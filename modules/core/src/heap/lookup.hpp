// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lookup.hpp — what a pointer of the program's is: a small region, a large one, a huge block, or a
// mistake that ends here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <granary/base/attributes.hpp>
#include <granary/base/bits.hpp>

#include "granary/core/detail/page_entry.hpp"

namespace granary::core {

/// The start of a live region.
struct Found {
    uint32_t tag = 0;
    size_t usable = 0;

    [[nodiscard]] unsigned code() const noexcept { return detail::tag_code(tag); }
    [[nodiscard]] bool is_small() const noexcept { return code() < kSmallClassCount; }
    [[nodiscard]] uint32_t arena() const noexcept { return detail::tag_arena(tag); }
};

/// The entry of the first page of what `pointer` is the start of; nullptr for anything that is not the
/// start of a live region, which is no error here.
[[nodiscard]] const detail::PageEntry* find_region(const void* pointer) noexcept;

/// Says what is wrong with a pointer that is not the start of a live region, in the name of `call`.
[[noreturn]] GRANARY_COLD void report_misuse(std::string_view call, const void* pointer) noexcept;

/// Identifies a live region's start, or aborts in the name of `call`.
[[nodiscard]] GRANARY_ALWAYS_INLINE Found find_live(std::string_view call,
                                                    const void* pointer) noexcept {
    const uintptr_t address = base::address_of(pointer);
    const detail::PageEntry* entry = detail::find_entry(address);
    if (GRANARY_UNLIKELY(entry == nullptr))
        report_misuse(call, pointer);
    const uint32_t tag = entry->tag.load(std::memory_order_relaxed);
    const uint32_t word = entry->detail.load(std::memory_order_relaxed);
    const unsigned code = detail::tag_code(tag);
    if (GRANARY_LIKELY(code < kSmallClassCount)) {
        const SizeClass& cls = kSizeClasses[code];
        if (GRANARY_UNLIKELY(tag == 0 || !detail::is_region_start(address, word, cls.reciprocal)))
            report_misuse(call, pointer);
        return {tag, cls.size};
    }
    if (GRANARY_UNLIKELY((code != detail::kLargeHead && code != detail::kHugeHead) ||
                         !base::is_aligned(address, kPageSize)))
        report_misuse(call, pointer);
    return {tag, size_t{word} << kPageShift};
}

}  // namespace granary::core
