// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// tree.cpp — the node table put together, and the way through it.
#include "tree.hpp"

#include <granary/core/control.hpp>
#include <granary/core/size_class.hpp>

#include "nodes_arena.hpp"
#include "nodes_process.hpp"
#include "nodes_stats.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace {

template <size_t... Sizes>
consteval auto join(const Node (&... parts)[Sizes]) {
    std::array<Node, (Sizes + ...)> all{};
    size_t count = 0;
    auto add = [&](std::span<const Node> part) {
        for (const Node& node : part) all[count++] = node;
    };
    (add(parts), ...);
    return all;
}

constexpr auto kNodes = join(kProcessNodes, kArenaNodes, kStatsNodes);
constexpr auto kRows = make_rows(kNodes);

consteval bool functions_fit_access() {
    for (const Node& node : kNodes) {
        const bool is_action = node.access == Access::action;
        if (is_action != (node.type == Type::none) || is_action != (node.get == nullptr))
            return false;
        if ((node.access == Access::read) != (node.set == nullptr))
            return false;
        if (node.doc.empty())
            return false;
    }
    return true;
}

static_assert(is_tree(kRows), "T1: rows with a common beginning stand together, names are unique");
static_assert(functions_fit_access(), "a row lacks a function or a sentence, or has one too many");

constinit StatsCache g_stats_cache;

/// Decimal digits only; false for anything else and for what does not fit.
bool parse_index(std::string_view text, size_t& out) noexcept {
    if (text.empty())
        return false;
    size_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(value, size_t{10}, &value) ||
            __builtin_add_overflow(value, static_cast<size_t>(c - '0'), &value)) {
            return false;
        }
    }
    out = value;
    return true;
}

/// Checks an index and enters it into the path.
bool resolve_index(ComponentKind kind, size_t index, Path& path) noexcept {
    if (kind == ComponentKind::bin) {
        path.bin = index;
        return index < core::kSmallClassCount;
    }
    const unsigned told = stats_cache().arena_count(false);
    if (index == kAllArenas || index == told) {
        path.arena = kAllArenas;
        return true;
    }
    path.arena = index;
    return index < told || index < core::arena_count();
}

/// The row at or after `from`, in the group that shares `k` components with it, whose component k
/// takes `text`; all rows if there is none.
size_t find_component(size_t from, size_t k, std::string_view text) noexcept {
    for (size_t r = from; r < kRows.size(); ++r) {
        const Row& row = kRows[r];
        if (k > 0 && (row.depth <= k || row.first[k - 1] != kRows[from].first[k - 1]))
            break;
        if (row.first[k] != r)
            continue;
        if (row.kinds[k] != ComponentKind::named || row.components[k] == text)
            return r;
    }
    return kRows.size();
}

}  // namespace

StatsCache& stats_cache() noexcept { return g_stats_cache; }

std::span<const Node> all_nodes() noexcept { return kNodes; }

bool find_name(std::string_view name, Found& found) noexcept {
    size_t row = 0;
    for (size_t k = 0; k < kMaxDepth; ++k) {
        const size_t dot = name.find('.');
        const std::string_view component = name.substr(0, dot);
        row = find_component(row, k, component);
        if (row == kRows.size())
            return false;
        found.mib[k] = row;
        found.depth = k + 1;
        const ComponentKind kind = kRows[row].kinds[k];
        if (kind != ComponentKind::named) {
            if (!parse_index(component, found.mib[k]))
                return false;
            if (!resolve_index(kind, found.mib[k], found.path))
                return false;
        }
        const bool is_leaf = kRows[row].depth == k + 1;
        if (dot == std::string_view::npos) {
            found.node = is_leaf ? &kNodes[row] : nullptr;
            return true;
        }
        if (is_leaf)
            return false;
        name.remove_prefix(dot + 1);
    }
    return false;
}

bool find_mib(std::span<const size_t> mib, Found& found) noexcept {
    if (mib.empty() || mib.size() > kMaxDepth || mib.back() >= kRows.size())
        return false;
    const size_t leaf = mib.back();
    const Row& row = kRows[leaf];
    if (row.depth != mib.size())
        return false;
    for (size_t k = 0; k < row.depth; ++k) {
        if (row.kinds[k] == ComponentKind::named) {
            if (mib[k] != row.first[k])
                return false;
        } else if (!resolve_index(row.kinds[k], mib[k], found.path)) {
            return false;
        }
    }
    found.node = &kNodes[leaf];
    found.depth = row.depth;
    return true;
}

}  // namespace granary::ctl
