// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_opt.hpp — opt.*: what the options were at start, one node per row of the option table.
//
// Role        Values as they were read, whether or not they do anything here. Options of a feature
//             that the build does not have answer ENOENT, as in a build of jemalloc's without it.
#pragma once

#include <array>
#include <cerrno>
#include <utility>

#include <granary/core/control.hpp>
#include <granary/ctl/conf.hpp>

#include "node.hpp"

namespace granary::ctl {
namespace nodes {

/// "opt." and the name of a row, where a node's name can point to.
template <size_t Row>
struct OptName {
    static constexpr std::string_view kPrefix = "opt.";
    static constexpr size_t kSize = kPrefix.size() + kOptions[Row].name().size();
    static constexpr std::array<char, kSize> kText = [] {
        std::array<char, kSize> text{};
        size_t size = 0;
        for (const char c : kPrefix) text[size++] = c;
        for (const char c : kOptions[Row].name()) text[size++] = c;
        return text;
    }();
    static constexpr std::string_view kView{kText.data(), kSize};
};

[[nodiscard]] constexpr Type opt_type(const OptionInfo& option) {
    switch (option.kind) {
        case OptionKind::boolean:
            return Type::boolean;
        case OptionKind::uint:
            return Type::uint;
        case OptionKind::size:
            return Type::size;
        case OptionKind::ssize:
            return Type::ssize;
        case OptionKind::i64:
            return Type::i64;
        case OptionKind::u64:
            return Type::u64;
        case OptionKind::fixed:
            return Type::u32;
        default:
            return Type::text;
    }
}

template <size_t Row>
int get_opt(const Path& /*path*/, Value& out) noexcept {
    constexpr OptionInfo kOption = kOptions[Row];
    const Settings& settings = startup_settings();
    if constexpr (kOption.effect == Effect::absent) {
        return ENOENT;
    } else if constexpr (kOption.kind == OptionKind::boolean) {
        out.put(settings.flag(Row));
    } else if constexpr (Row == row("narenas")) {
        out.put(core::arena_limit());
    } else if constexpr (kOption.kind == OptionKind::word) {
        out.put(settings.word(Row));
    } else if constexpr (kOption.is_text()) {
        out.put(settings.text(Row));
    } else if constexpr (size_of(opt_type(kOption)) == sizeof(uint32_t)) {
        out.put(static_cast<uint32_t>(settings.number(Row)));
    } else {
        out.put(settings.number(Row));
    }
    return 0;
}

template <ConfPlace Place>
int get_conf_text(const Path& /*path*/, Value& out) noexcept {
    const char* const text = startup_text(Place);
    if (text == nullptr)
        return ENOENT;
    out.put(text);
    return 0;
}

inline constexpr size_t kOptNodeCount = [] {
    size_t count = 0;
    for (const OptionInfo& option : kOptions) count += option.has_node ? 1 : 0;
    return count;
}();

struct OptNodes {
    Node rows[kOptNodeCount];
};

template <size_t... Rows>
consteval OptNodes make_opt_nodes(std::index_sequence<Rows...> /*rows*/) {
    OptNodes made{};
    size_t count = 0;
    auto add = [&](const OptionInfo& option, std::string_view name, Getter get) {
        if (option.has_node)
            made.rows[count++] = {name, opt_type(option), Access::read, option.doc(), get};
    };
    (add(kOptions[Rows], OptName<Rows>::kView, &get_opt<Rows>), ...);
    return made;
}

inline constexpr OptNodes kOptNodeTable =
    make_opt_nodes(std::make_index_sequence<kOptions.size()>());

}  // namespace nodes

inline constexpr const auto& kOptNodes = nodes::kOptNodeTable.rows;

inline constexpr Node kConfTextNodes[] = {
    {"opt.malloc_conf.symlink", Type::text, Access::read, "option text of a symbolic link",
     nodes::get_conf_text<ConfPlace::link>},
    {"opt.malloc_conf.env_var", Type::text, Access::read, "option text of the environment",
     nodes::get_conf_text<ConfPlace::environment>},
    {"opt.malloc_conf.global_var", Type::text, Access::read, "option text of the program",
     nodes::get_conf_text<ConfPlace::variable>},
    {"opt.malloc_conf.global_var_2_conf_harder", Type::text, Access::read,
     "option text of the program that wins over the environment",
     nodes::get_conf_text<ConfPlace::harder>},
};

}  // namespace granary::ctl
