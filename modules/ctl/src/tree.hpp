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
// Cost        a lookup compares integers along the table and text once per distinct component; a
//             row's functions are found by eight comparisons. Nothing is relocated (packed_text.hpp),
//             so the tree costs a process nothing until it is asked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <granary/ctl/packed_text.hpp>

#include "node.hpp"

namespace granary::ctl {

/// What an index component counts; `named` is an ordinary component, `words` one of several.
enum class ComponentKind : uint8_t { named, words, arena, bin, large, page_class, slab, shard_class };

inline constexpr size_t kWordRoom = 32;

/// One row's path, split, and what a call has to know of it.
struct Row {
    uint8_t depth = 0;
    Type type = Type::none;
    Access access = Access::read;
    std::array<ComponentKind, kMaxDepth> kinds{};
    std::array<TextPlace, kMaxDepth> components{};
    std::array<uint16_t, kMaxDepth> first{};  ///< first row that shares components 0..k
    TextPlace name;
    TextPlace doc;

    [[nodiscard]] constexpr bool is_text(size_t k) const noexcept {
        return kinds[k] == ComponentKind::named || kinds[k] == ComponentKind::words;
    }
    /// Its place in the table (T2).
    [[nodiscard]] constexpr size_t number() const noexcept { return first[depth - 1U]; }
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

/// The table for the time after the compiler's: rows, and all their texts in one block.
template <size_t N, size_t Room>
struct Tree {
    std::array<Row, N> rows{};
    PackedText<Room> block;

    [[nodiscard]] constexpr std::string_view component(const Row& row, size_t k) const noexcept {
        return block.text(row.components[k]);
    }
};

template <size_t N>
[[nodiscard]] consteval size_t text_room(const std::array<Node, N>& nodes) {
    size_t room = 0;
    for (const Node& node : nodes) room += room_for(node.name) + room_for(node.doc);
    return room;
}

/// Splits every name and finds the shared beginnings.
template <size_t Room, size_t N>
[[nodiscard]] consteval Tree<N, Room> make_tree(const std::array<Node, N>& nodes) {
    Tree<N, Room> tree;
    for (size_t r = 0; r < N; ++r) {
        Row& row = tree.rows[r];
        row.type = nodes[r].type;
        row.access = nodes[r].access;
        row.name = tree.block.add(nodes[r].name);
        row.doc = tree.block.add(nodes[r].doc);
        std::string_view rest = nodes[r].name;
        size_t at = row.name.at;
        bool shared = r > 0;
        while (true) {
            const size_t dot = rest.find('.');
            const std::string_view component = rest.substr(0, dot);
            const size_t k = row.depth++;
            row.components[k] = {static_cast<uint16_t>(at), static_cast<uint16_t>(component.size())};
            row.kinds[k] = kind_of(component);
            if (shared) {
                const Row& above = tree.rows[r - 1];
                shared = k < above.depth && tree.component(above, k) == component;
            }
            row.first[k] = shared ? tree.rows[r - 1].first[k] : static_cast<uint16_t>(r);
            if (dot == std::string_view::npos)
                break;
            rest.remove_prefix(dot + 1);
            at += dot + 1;
        }
    }
    return tree;
}

/// T1: among the rows that share a beginning, every next component begins one group only.
template <size_t N, size_t Room>
[[nodiscard]] consteval bool is_tree(const Tree<N, Room>& tree) {
    for (size_t r = 0; r < N; ++r) {
        const Row& row = tree.rows[r];
        // A leaf is a group of one, and its name is nobody's beginning.
        if (row.first[row.depth - 1U] != r || !row.is_text(row.depth - 1U))
            return false;
        for (size_t k = 0; k < row.depth; ++k) {
            if (row.first[k] != r)
                continue;
            const size_t group = k == 0 ? 0 : row.first[k - 1];
            for (size_t other = group; other < r; ++other) {
                const Row& earlier = tree.rows[other];
                if (earlier.depth <= k)
                    return false;
                if (earlier.first[k] == other &&
                    tree.component(earlier, k) == tree.component(row, k))
                    return false;
            }
        }
    }
    return true;
}

/// A name or MIB that was understood.
struct Found {
    const Row* row = nullptr;  ///< nullptr for a partial name
    Path path;
    size_t depth = 0;
    std::array<size_t, kMaxDepth> mib{};
};

/// False if there is no such name, not even as the beginning of one, or an index is out of range.
[[nodiscard]] bool find_name(std::string_view name, Found& found) noexcept;

/// False if it is not the MIB of a leaf.
[[nodiscard]] bool find_mib(std::span<const size_t> mib, Found& found) noexcept;

[[nodiscard]] std::span<const Row> all_rows() noexcept;
/// A text of a row.
[[nodiscard]] std::string_view row_text(TextPlace place) noexcept;

/// A row's functions; nullptr for one that it does not have.
[[nodiscard]] Getter getter_of(const Row& row) noexcept;
[[nodiscard]] Setter setter_of(const Row& row) noexcept;
[[nodiscard]] Caller caller_of(const Row& row) noexcept;

}  // namespace granary::ctl
