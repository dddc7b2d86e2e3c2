// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// tree.hpp — the node table as a tree of name components, built at compile time.
//
// Role        Turns names and MIBs into rows. A named component of a MIB is the number of the first
//             row that begins with the path up to there; a numeric one is the index itself.
// Invariants  T1  rows with a common beginning stand together, no name stands twice, and no name is
//                 the beginning of another's path; proved by static_assert in tree.cpp.
//             T2  so the last named component of a leaf's MIB is the leaf's row.
// Cost        a lookup compares integers along the table and text once per distinct component.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "node.hpp"

namespace granary::ctl {

/// What an index component counts; `named` is an ordinary component.
enum class ComponentKind : uint8_t { named, arena, bin };

/// One row's path, split.
struct Row {
    uint8_t depth = 0;
    std::array<ComponentKind, kMaxDepth> kinds{};
    std::array<std::string_view, kMaxDepth> components{};
    std::array<uint16_t, kMaxDepth> first{};  ///< first row that shares components 0..k
};

[[nodiscard]] consteval ComponentKind kind_of(std::string_view component) {
    if (component == "<arena>")
        return ComponentKind::arena;
    if (component == "<bin>")
        return ComponentKind::bin;
    return ComponentKind::named;
}

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

/// T1.
template <size_t N>
[[nodiscard]] consteval bool is_tree(const std::array<Row, N>& rows) {
    for (size_t r = 0; r < N; ++r) {
        for (size_t other = 0; other < r; ++other) {
            // Follow the common beginning; it must be one group, and end before either name does.
            size_t k = 0;
            while (k < rows[r].depth && k < rows[other].depth &&
                   rows[r].components[k] == rows[other].components[k]) {
                if (rows[r].first[k] != rows[other].first[k])
                    return false;
                ++k;
            }
            if (k == rows[r].depth || k == rows[other].depth)
                return false;
        }
        if (rows[r].kinds[rows[r].depth - 1] != ComponentKind::named)
            return false;
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

}  // namespace granary::ctl
