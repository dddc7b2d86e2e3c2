// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// build_facts.hpp — config.*: what this build is like, for the tree and for both reports.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <granary/base/build_config.hpp>

namespace granary::ctl {

/// Calls visit(name, value) for every fact, in jemalloc's order; one is text, the others bool.
template <typename Visit>
constexpr void visit_build_facts(Visit visit) noexcept {
    visit("cache_oblivious", false);
    visit("debug", base::kDebug);
    visit("fill", true);
    visit("lazy_lock", false);
    visit("malloc_conf", base::kMallocConf);
    visit("opt_safety_checks", true);
    visit("prof", false);
    visit("prof_libgcc", false);
    visit("prof_libunwind", false);
    visit("prof_frameptr", false);
    visit("stats", true);
    visit("utrace", false);
    visit("xmalloc", true);
}

/// One of them that is no text; an unknown name is an error of the compiler.
[[nodiscard]] consteval bool build_fact(std::string_view name) {
    size_t found = 2;
    visit_build_facts([&](std::string_view key, auto value) {
        if constexpr (std::is_same_v<decltype(value), bool>) {
            if (key == name)
                found = value ? 1 : 0;
        }
    });
    constexpr bool kAnswers[] = {false, true};
    return kAnswers[found];
}

}  // namespace granary::ctl
