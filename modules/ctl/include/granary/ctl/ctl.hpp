// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// ctl.hpp — values by name: what mallctl() answers.
//
// Role        A tree of names in jemalloc's spelling over one constexpr table of nodes. A name has
//             up to seven components; a MIB is the same path as numbers, of which the numeric
//             components are the index itself and may be replaced by the caller.
// Invariants  C1  statistics change only by a write to `epoch`, print_stats(), print_metrics() and
//                 read_stats(), each one epoch; all of them are of one moment. Rows of unused pages
//                 (stats.arenas.<arena>.extents) are of the first question about them since then.
//             C2  reading never creates: no arena, no thread.
//             C3  nothing is allocated but one snapshot per arena, once, as metadata; errno is
//                 untouched; results are values of <cerrno>.
// Locking     one lock around the cached statistics (rank ctl, before all of core's).
//
// Results     0        done.
//             ENOENT   no such name, a partial name, an index out of range.
//             EPERM    write to a read-only node, read of or value for a void one.
//             EINVAL   the length is not the type's. On a read, as many bytes as fit both are
//                      copied and the length says how many; a write changes nothing.
//             EAGAIN   no memory for what the question needs.
//             EFAULT   the value cannot be, or the action could not be done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace granary::ctl {

/// Components of the longest name.
inline constexpr size_t kMaxDepth = 7;
/// The index that means all arenas together. The index one beyond the last arena means the same.
inline constexpr size_t kAllArenas = 4096;
/// The index of what destroyed arenas have counted.
inline constexpr size_t kDestroyedArenas = 4097;

/// Reads and writes a node by name.
///
/// @param old_value     where the value goes; nullptr if it is not wanted.
/// @param old_length    in: bytes at old_value; must be the size of the node's type.
/// @param new_value     what is written; nullptr for a read.
int control(const char* name, void* old_value, size_t* old_length, const void* new_value,
            size_t new_length) noexcept;

/// Translates a name, also a partial one, to numbers that stay valid for the life of the process.
///
/// @param mib_length   in: numbers that fit; out: the lesser of that and the name's components.
int name_to_mib(const char* name, size_t* mib, size_t* mib_length) noexcept;

/// As control(), by numbers.
int control_by_mib(const size_t* mib, size_t mib_length, void* old_value, size_t* old_length,
                   const void* new_value, size_t new_length) noexcept;

/// A row of the node table, as documentation shows it; `<arena>` and its like stand for indices,
/// `{a|b}` for one of several words.
struct NodeInfo {
    std::string_view name;
    std::string_view type;
    std::string_view access;
    std::string_view doc;
};

[[nodiscard]] size_t node_count() noexcept;
/// @param index   below node_count().
[[nodiscard]] NodeInfo node_info(size_t index) noexcept;

/// One name with its words filled in: `stats.mutexes.ctl.num_ops`; indices stay `<arena>`. Texts end
/// with a zero.
using NameVisitor = bool (*)(void* opaque, const char* name, const NodeInfo& info);
/// Calls visit for every name of the tree until it returns false.
void visit_names(NameVisitor visit, void* opaque);

/// Fork handlers: prepare before core's, the other two after core's.
void fork_prepare() noexcept;
void fork_parent() noexcept;
void fork_child() noexcept;

}  // namespace granary::ctl
