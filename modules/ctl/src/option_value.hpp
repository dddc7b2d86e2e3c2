// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// option_value.hpp — the value of an option at start, as text for reports.
#pragma once

#include <granary/base/fixed_string.hpp>
#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>

namespace granary::ctl {

struct OptionValue {
    base::FixedString<kOptionText> text;
    bool is_text = false;  ///< JSON wants quotes around it
};

/// A fraction of 1/65536s in decimal, as short as it is exact; or the word that stands for it.
inline void append_fixed(base::FixedString<kOptionText>& out, const OptionInfo& info,
                         uint64_t value) noexcept {
    if (!info.word().empty() && value == info.word_value) {
        out.append(info.word());
        return;
    }
    constexpr uint64_t kOne = 65536;
    out.append_decimal(value / kOne).append('.');
    uint64_t rest = value % kOne;
    do {
        rest *= 10;
        out.append(static_cast<char>('0' + rest / kOne));
        rest %= kOne;
    } while (rest != 0);
}

/// False if there is no opt.<name> to be reported.
inline bool read_option(size_t option, OptionValue& out) noexcept {
    const OptionInfo& info = kOptions[option];
    if (!info.has_node || info.effect == Effect::absent)
        return false;
    const Settings& settings = startup_settings();
    out.text.clear();
    out.is_text = info.kind == OptionKind::word || info.is_text();
    if (info.kind == OptionKind::boolean) {
        out.text.append(settings.flag(option) ? "true" : "false");
    } else if (info.kind == OptionKind::word) {
        out.text.append(settings.word(option));
    } else if (info.is_text()) {
        out.text.append(settings.text(option));
    } else if (info.kind == OptionKind::fixed) {
        out.is_text = true;  // as jemalloc has it
        append_fixed(out.text, info, settings.number(option));
    } else if (option == row("narenas")) {
        out.text.append_decimal(core::arena_limit());
    } else if (info.is_signed()) {
        out.text.append_signed(settings.signed_number(option));
    } else {
        out.text.append_decimal(settings.number(option));
    }
    return true;
}

}  // namespace granary::ctl
