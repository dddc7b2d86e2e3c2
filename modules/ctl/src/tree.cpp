// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// tree.cpp — the node table put together, and the way through it.
#include "tree.hpp"

#include <granary/core/control.hpp>
#include <granary/core/large_class.hpp>
#include <granary/core/size_class.hpp>

#include "nodes_arena_table.hpp"
#include "nodes_experimental.hpp"
#include "nodes_opt.hpp"
#include "nodes_process.hpp"
#include "nodes_prof.hpp"
#include "nodes_stats.hpp"
#include "nodes_stats_arena.hpp"
#include "nodes_thread.hpp"
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

constexpr auto kNodes = join(kProcessNodes, kOptNodes, kConfTextNodes, kThreadNodes, kArenaNodes,
                             kProfNodes, kStatsNodes, kArenaStatsNodes, kApproximateNodes, kExperimentalNodes);
constexpr auto kTree = make_tree<text_room(kNodes)>(kNodes);
constexpr const auto& kRows = kTree.rows;

/// Where kNodes has a table of functions, the program has this choice: addresses in a table would
/// have to be relocated, addresses in code are not.
template <typename Function, Function Node::*Column, size_t First, size_t Last>
Function choose(size_t row) noexcept {
    if constexpr (Last - First == 1) {
        return kNodes[First].*Column;
    } else {
        constexpr size_t kMiddle = First + (Last - First) / 2;
        return row < kMiddle ? choose<Function, Column, First, kMiddle>(row)
                             : choose<Function, Column, kMiddle, Last>(row);
    }
}

consteval bool functions_fit_access() {
    for (const Node& node : kNodes) {
        if (node.doc.empty())
            return false;
        if (node.call != nullptr) {
            if (node.get != nullptr || node.set != nullptr)
                return false;
            continue;
        }
        const bool gives = node.access != Access::action && node.access != Access::write;
        const bool takes = node.access != Access::read;
        if (gives != (node.get != nullptr) || takes != (node.set != nullptr))
            return false;
        if ((node.access == Access::action) != (node.type == Type::none) ||
            node.type == Type::record)
            return false;
    }
    return true;
}

consteval bool words_fit_their_room() {
    for (const Row& row : kRows) {
        for (size_t k = 0; k < row.depth; ++k) {
            if (row.kinds[k] != ComponentKind::words)
                continue;
            size_t count = 0;
            std::string_view word;
            for (Words words(kTree.component(row, k)); words.next(word);) ++count;
            if (count > kWordRoom)
                return false;
        }
    }
    return true;
}

static_assert(is_tree(kTree), "T1: rows with a common beginning stand together, names are unique");
static_assert(functions_fit_access(), "a row lacks a function or a sentence, or has one too many");
static_assert(words_fit_their_room(), "a list has more words than a MIB can tell apart");

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

/// @param is_statistic   whether the path begins with `stats`: destroyed arenas are there only once
///                       one has been destroyed.
bool resolve_arena(size_t index, bool is_statistic, Path& path) noexcept {
    const unsigned told = stats_cache().arena_count(false);
    if (index == kAllArenas || index == told) {
        path.arena = kAllArenas;
        return true;
    }
    path.arena = index;
    if (index == kDestroyedArenas)
        return !is_statistic || stats_cache().has_destroyed();
    // The index of a destroyed arena stays, for when it is used again.
    return is_statistic ? core::arena_exists(static_cast<unsigned>(index)) : index < core::arena_count();
}

/// Checks an index and enters it into the path.
bool resolve_index(const Row& row, size_t k, size_t index, Path& path) noexcept {
    switch (row.kinds[k]) {
        case ComponentKind::arena:
            return resolve_arena(index, kTree.component(row, 0) == "stats", path);
        case ComponentKind::bin:
            path.bin = index;
            return index < core::kSmallClassCount;
        case ComponentKind::large:
            path.item = index;
            return index < core::kLargeClassCount;
        case ComponentKind::page_class:
            path.item = index;
            return index < core::kPageClassCount;
        case ComponentKind::slab:
            path.item = index;
            return index < kShardSlabClasses;
        case ComponentKind::shard_class:
            path.item = index;
            return index < kShardAllocClasses;
        case ComponentKind::named:
        case ComponentKind::words:
            break;
    }
    return false;
}

/// Enters which word of a list it is; the path has room for two lists.
void enter_word(const Row& row, size_t k, size_t word, Path& path) noexcept {
    if (row.kinds[k] != ComponentKind::words)
        return;
    size_t earlier = 0;
    for (size_t i = 0; i < k; ++i) earlier += row.kinds[i] == ComponentKind::words ? 1 : 0;
    path.words[earlier] = word;
}

/// True if component k of the row takes `text`; `word` is then which word of a list it is.
bool takes(const Row& row, size_t k, std::string_view text, size_t& word) noexcept {
    word = 0;
    if (row.kinds[k] == ComponentKind::named)
        return kTree.component(row, k) == text;
    if (row.kinds[k] != ComponentKind::words)
        return true;  // whether it is an index at all is seen later
    std::string_view candidate;
    for (Words words(kTree.component(row, k)); words.next(candidate); ++word) {
        if (candidate == text)
            return true;
    }
    return false;
}

/// The row at or after `from`, in the group that shares `k` components with it, whose component k
/// takes `text`; all rows if there is none.
size_t find_component(size_t from, size_t k, std::string_view text, size_t& word) noexcept {
    for (size_t r = from; r < kRows.size(); ++r) {
        const Row& row = kRows[r];
        if (k > 0 && (row.depth <= k || row.first[k - 1] != kRows[from].first[k - 1]))
            break;
        if (row.first[k] == r && takes(row, k, text, word))
            return r;
    }
    return kRows.size();
}

}  // namespace

StatsCache& stats_cache() noexcept { return g_stats_cache; }

std::span<const Row> all_rows() noexcept { return kRows; }
std::string_view row_text(TextPlace place) noexcept { return kTree.block.text(place); }

Getter getter_of(const Row& row) noexcept {
    return choose<Getter, &Node::get, 0, kNodes.size()>(row.number());
}
Setter setter_of(const Row& row) noexcept {
    return choose<Setter, &Node::set, 0, kNodes.size()>(row.number());
}
Caller caller_of(const Row& row) noexcept {
    return choose<Caller, &Node::call, 0, kNodes.size()>(row.number());
}

bool find_name(std::string_view name, Found& found) noexcept {
    size_t row = 0;
    for (size_t k = 0; k < kMaxDepth; ++k) {
        const size_t dot = name.find('.');
        const std::string_view component = name.substr(0, dot);
        size_t word = 0;
        row = find_component(row, k, component, word);
        if (row == kRows.size())
            return false;
        found.depth = k + 1;
        if (kRows[row].is_text(k)) {
            found.mib[k] = row * kWordRoom + word;
            enter_word(kRows[row], k, word, found.path);
        } else if (!parse_index(component, found.mib[k]) ||
                   !resolve_index(kRows[row], k, found.mib[k], found.path)) {
            return false;
        }
        const bool is_leaf = kRows[row].depth == k + 1;
        if (dot == std::string_view::npos) {
            found.row = is_leaf ? &kRows[row] : nullptr;
            return true;
        }
        if (is_leaf)
            return false;
        name.remove_prefix(dot + 1);
    }
    return false;
}

bool find_mib(std::span<const size_t> mib, Found& found) noexcept {
    if (mib.empty() || mib.size() > kMaxDepth || mib.back() / kWordRoom >= kRows.size())
        return false;
    const size_t leaf = mib.back() / kWordRoom;
    const Row& row = kRows[leaf];
    if (row.depth != mib.size())
        return false;
    for (size_t k = 0; k < row.depth; ++k) {
        if (!row.is_text(k)) {
            if (!resolve_index(row, k, mib[k], found.path))
                return false;
            continue;
        }
        if (mib[k] / kWordRoom != row.first[k])
            return false;
        const size_t word = mib[k] % kWordRoom;
        size_t count = 1;
        if (row.kinds[k] == ComponentKind::words) {
            std::string_view any;
            count = 0;
            for (Words words(kTree.component(row, k)); words.next(any);) ++count;
        }
        if (word >= count)
            return false;
        enter_word(row, k, word, found.path);
    }
    found.row = &row;
    found.depth = row.depth;
    return true;
}

}  // namespace granary::ctl
