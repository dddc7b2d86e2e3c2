// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// tree.hpp — the node table as a tree of name components, built at compile time.
//
// Role        Turns names and MIBs into rows. A component of a MIB is an index as it is, or the
//             number of the first row that begins with the path up to there, times kWordRoom, plus
//             which of a list's words it is.
// Invariants  T1  rows with a common beginning stand together, no name stands twice, and no name is
//                 the beginning of another's path; proved by static_assert in tree.cpp.
//             T2  so the last component of a leaf's MIB leads to the leaf's row.
// Cost        a lookup compares integers along the table and text once per distinct component.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "node.hpp"

namespace granary::ctl {

/// What an index component counts; `named` is an ordinary component, `words` one of several.
enum class ComponentKind : uint8_t { named, words, arena, bin, large, page_class, slab, shard_class };

inline constexpr size_t kWordRoom = 32;

/// One row's path, split.
struct Row {
    uint8_t depth = 0;
    std::array<ComponentKind, kMaxDepth> kinds{};
    std::array<std::string_view, kMaxDepth> components{};
    std::array<uint16_t, kMaxDepth> first{};  ///< first row that shares components 0..k

    [[nodiscard]] constexpr bool is_text(size_t k) const noexcept {
        return kinds[k] == ComponentKind::named || kinds[k] == ComponentKind::words;
    }
};

/// A component that stands for one of several words: a list that many names share, or `{a|b|c}`.
struct WordList {
    std::string_view component;
    std::string_view words;
};
inline constexpr WordList kWordLists[] = {
    {"<lock>",
     "background_thread|max_per_bg_thd|ctl|prof|prof_thds_data|prof_dump|prof_recent_alloc|"
     "prof_recent_dump|prof_stats|arena_set|chunk_source|magazine_pool|page_map|metadata_heap"},
    {"<arena_lock>",
     "large|extent_avail|extents_dirty|extents_muzzy|extents_retained|extents_pinned|decay_dirty|"
     "decay_muzzy|base|tcache_list|hpa_shard|hpa_shard_grow|hpa_sec"},
    {"<counter>",
     "num_ops|num_wait|num_spin_acq|num_owner_switch|total_wait_time|max_wait_time"},
    {"<shard_count>",
     "npageslabs_nonhuge|npageslabs_huge|nactive_nonhuge|nactive_huge|ndirty_nonhuge|ndirty_huge"},
};

/// The words of a component, with bars between; empty for a component that is no list.
[[nodiscard]] constexpr std::string_view words_of(std::string_view component) noexcept {
    if (component.front() == '{')
        return {component.data() + 1, component.size() - 2};  // no range check, no C++ runtime
    for (const WordList& list : kWordLists) {
        if (component == list.component)
            return list.words;
    }
    return {};
}

[[nodiscard]] constexpr ComponentKind kind_of(std::string_view component) noexcept {
    struct Named {
        std::string_view text;
        ComponentKind kind;
    };
    constexpr Named kIndices[] = {
        {"<arena>", ComponentKind::arena}, {"<bin>", ComponentKind::bin},
        {"<lextent>", ComponentKind::large}, {"<extent>", ComponentKind::page_class},
        {"<slab>", ComponentKind::slab}, {"<psclass>", ComponentKind::shard_class},
    };
    for (const Named& index : kIndices) {
        if (component == index.text)
            return index.kind;
    }
    return words_of(component).empty() ? ComponentKind::named : ComponentKind::words;
}

/// The words of a list, one after the other.
class Words {
public:
    constexpr explicit Words(std::string_view component) noexcept : rest_(words_of(component)) {}

    /// False after the last one.
    constexpr bool next(std::string_view& word) noexcept {
        if (done_)
            return false;
        const size_t bar = rest_.find('|');
        word = rest_.substr(0, bar);
        done_ = bar == std::string_view::npos;
        rest_.remove_prefix(done_ ? rest_.size() : bar + 1);
        return true;
    }

private:
    std::string_view rest_;
    bool done_ = false;
};

/// Splits every name and finds the shared beginnings.
template <size_t N>
[[nodiscard]] consteval std::array<Row, N> make_rows(const std::array<Node, N>& nodes) {
    std::array<Row, N> rows{};
    for (size_t r = 0; r < N; ++r) {
        Row& row = rows[r];
        std::string_view rest = nodes[r].name;
        bool shared = r > 0;
        while (true) {
            const size_t dot = rest.find('.');
            const size_t k = row.depth++;
            row.components[k] = rest.substr(0, dot);
            row.kinds[k] = kind_of(row.components[k]);
            shared =
                shared && k < rows[r - 1].depth && rows[r - 1].components[k] == row.components[k];
            row.first[k] = shared ? rows[r - 1].first[k] : static_cast<uint16_t>(r);
            if (dot == std::string_view::npos)
                break;
            rest.remove_prefix(dot + 1);
        }
    }
    return rows;
}

/// T1: among the rows that share a beginning, every next component begins one group only.
template <size_t N>
[[nodiscard]] consteval bool is_tree(const std::array<Row, N>& rows) {
    for (size_t r = 0; r < N; ++r) {
        const Row& row = rows[r];
        // A leaf is a group of one, and its name is nobody's beginning.
        if (row.first[row.depth - 1U] != r || !row.is_text(row.depth - 1U))
            return false;
        for (size_t k = 0; k < row.depth; ++k) {
            if (row.first[k] != r)
                continue;
            const size_t group = k == 0 ? 0 : row.first[k - 1];
            for (size_t other = group; other < r; ++other) {
                const Row& earlier = rows[other];
                if (earlier.depth <= k)
                    return false;
                if (earlier.first[k] == other && earlier.components[k] == row.components[k])
                    return false;
            }
        }
    }
    return true;
}

/// A name or MIB that was understood.
struct Found {
    const Node* node = nullptr;  ///< nullptr for a partial name
    Path path;
    size_t depth = 0;
    std::array<size_t, kMaxDepth> mib{};
};

/// False if there is no such name, not even as the beginning of one, or an index is out of range.
[[nodiscard]] bool find_name(std::string_view name, Found& found) noexcept;

/// False if it is not the MIB of a leaf.
[[nodiscard]] bool find_mib(std::span<const size_t> mib, Found& found) noexcept;

[[nodiscard]] std::span<const Node> all_nodes() noexcept;
[[nodiscard]] std::span<const Row> all_rows() noexcept;

}  // namespace granary::ctl
