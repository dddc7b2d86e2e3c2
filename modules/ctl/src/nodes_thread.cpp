// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_thread.cpp — the text of thread.tcache.ncached_max.write, and its question.
#include "nodes_thread.hpp"

#include <cstring>
#include <limits>
#include <string_view>

#include <granary/core/size_class.hpp>

namespace granary::ctl::nodes {

namespace {

/// Longer texts are refused.
constexpr size_t kMostText = 1000;

/// Takes decimal digits from the front of `text`; false if there are none or too many.
bool take_number(std::string_view& text, size_t& out) noexcept {
    size_t digits = 0;
    size_t value = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
        if (__builtin_mul_overflow(value, size_t{10}, &value) ||
            __builtin_add_overflow(value, static_cast<size_t>(text[digits] - '0'), &value)) {
            return false;
        }
        ++digits;
    }
    text.remove_prefix(digits);
    out = value;
    return digits != 0;
}

bool take_character(std::string_view& text, char wanted) noexcept {
    if (text.empty() || text.front() != wanted)
        return false;
    text.remove_prefix(1);
    return true;
}

struct Range {
    unsigned first;
    unsigned last;
    bool cached;
};

/// One `a-b:n`. False if it is not one, or its sizes are not cached by anybody.
bool take_range(std::string_view& text, Range& range) noexcept {
    size_t first = 0;
    size_t last = 0;
    size_t slots = 0;
    if (!take_number(text, first) || !take_character(text, '-') || !take_number(text, last) ||
        !take_character(text, ':') || !take_number(text, slots)) {
        return false;
    }
    if (first > last || last > core::kSmallMax)
        return false;
    range = {core::small_class(first), core::small_class(last), slots != 0};
    return true;
}

/// Calls apply(Range) for every range; false if the text is not a list of them.
template <typename Apply>
bool for_each_range(std::string_view text, Apply apply) noexcept {
    do {
        Range range{};
        if (!take_range(text, range))
            return false;
        apply(range);
    } while (take_character(text, '|'));
    return text.empty();
}

}  // namespace

int read_ncached_max(const Path& /*path*/, const Call& call) noexcept {
    size_t bytes = 0;
    if (call.new_value == nullptr || call.new_length != sizeof bytes)
        return EINVAL;
    std::memcpy(&bytes, call.new_value, sizeof bytes);
    if (bytes > core::kSmallMax)
        return EINVAL;
    const size_t slots = core::thread_class_slots(core::small_class(bytes));
    return copy_out(&slots, sizeof slots, call);
}

int write_ncached_max(const Path& /*path*/, const Value& in) noexcept {
    const char* const text = in.as<const char*>();
    if (text == nullptr)
        return EINVAL;
    const size_t length = ::strnlen(text, kMostText);
    if (length == kMostText)
        return EINVAL;
    const std::string_view ranges(text, length);
    // All of it must be right before any of it counts.
    if (!for_each_range(ranges, [](const Range&) {}))
        return EINVAL;
    bool done = true;
    for_each_range(ranges, [&](const Range& range) {
        done = core::set_thread_classes_cached(range.first, range.last, range.cached) && done;
    });
    return done ? 0 : EAGAIN;
}

}  // namespace granary::ctl::nodes
