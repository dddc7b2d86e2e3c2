// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// control.cpp — the rules that all nodes share: names, access, lengths, copying.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>
#include <granary/core/lifecycle.hpp>
#include <granary/ctl/ctl.hpp>

#include "stats_cache.hpp"
#include "tree.hpp"

namespace granary::ctl {
namespace {

constexpr size_t kLongestName = 127;

int read_old(const Row& row, const Path& path, const Call& call) noexcept {
    Value value;
    if (const int error = getter_of(row)(path, value); error != 0)
        return error;
    GRANARY_ASSERT(value.size() == size_of(row.type), "a getter puts its node's type");
    return copy_out(value.data(), value.size(), call);
}

/// The value to be written; taken before anything is given, since a caller may pass one variable for
/// both.
Value new_value(const Row& row, const Call& call) noexcept {
    Value value;
    value.assign(call.new_value, size_of(row.type));
    return value;
}

int act(const Row& row, const Path& path, const Call& call) noexcept {
    if (call.old_value != nullptr || call.old_length != nullptr || call.has_new())
        return EPERM;
    return setter_of(row)(path, Value());
}

int write_only(const Row& row, const Path& path, const Call& call) noexcept {
    if (call.old_value != nullptr || call.old_length != nullptr)
        return EPERM;
    if (call.new_value == nullptr || call.new_length != size_of(row.type))
        return EINVAL;
    return setter_of(row)(path, new_value(row, call));
}

int apply(const Found& found, const Call& call) noexcept {
    const Row& row = *found.row;
    if (const Caller caller = caller_of(row))
        return caller(found.path, call);
    if (row.access == Access::write)
        return write_only(row, found.path, call);
    if (row.access == Access::action)
        return act(row, found.path, call);
    if (row.access == Access::read) {
        if (call.has_new())
            return EPERM;
        return read_old(row, found.path, call);
    }
    if (call.new_value == nullptr)
        return read_old(row, found.path, call);
    if (call.new_length != size_of(row.type))
        return EINVAL;
    const Value value = new_value(row, call);
    if (row.access == Access::refresh) {
        const int error = setter_of(row)(found.path, value);
        return error != 0 ? error : read_old(row, found.path, call);
    }
    const int error = read_old(row, found.path, call);
    return error != 0 ? error : setter_of(row)(found.path, value);
}

std::string_view name_of(Type type) noexcept {
    switch (type) {
        case Type::none:
            return "-";
        case Type::boolean:
            return "bool";
        case Type::u32:
            return "uint32_t";
        case Type::uint:
            return "unsigned";
        case Type::size:
            return "size_t";
        case Type::ssize:
            return "ssize_t";
        case Type::i64:
            return "int64_t";
        case Type::u64:
            return "uint64_t";
        case Type::text:
            return "const char *";
        case Type::u64_pointer:
            return "uint64_t *";
        case Type::size_pointer:
            return "size_t *";
        case Type::pointer:
            return "void *";
        case Type::record:
            return "struct";
    }
    return "?";
}

std::string_view name_of(Access access) noexcept {
    switch (access) {
        case Access::read:
            return "r";
        case Access::read_write:
        case Access::refresh:
            return "rw";
        case Access::write:
            return "w";
        case Access::action:
            return "void";
    }
    return "?";
}

/// Writes a row's name with its lists' words filled in, word `picks[k]` for component k.
void spell(const Row& row, const std::array<size_t, kMaxDepth>& picks,
           base::FixedString<kLongestName>& name) noexcept {
    name.clear();
    for (size_t k = 0; k < row.depth; ++k) {
        std::string_view text = row_text(row.components[k]);
        if (row.kinds[k] == ComponentKind::words) {
            Words words(text);
            for (size_t i = 0; i <= picks[k] && words.next(text); ++i) {
            }
        }
        if (k != 0)
            name.append('.');
        name.append(text);
    }
}

/// The next choice of words, the last list's fastest; false after the last one.
bool advance(const Row& row, std::array<size_t, kMaxDepth>& picks) noexcept {
    for (size_t k = row.depth; k-- > 0;) {
        if (row.kinds[k] != ComponentKind::words)
            continue;
        size_t count = 0;
        std::string_view word;
        for (Words words(row_text(row.components[k])); words.next(word);) ++count;
        if (++picks[k] < count)
            return true;
        picks[k] = 0;
    }
    return false;
}

}  // namespace

int copy_out(const void* value, size_t size, const Call& call) noexcept {
    if (!call.wants_old())
        return 0;
    const size_t copied = std::min(size, *call.old_length);
    std::memcpy(call.old_value, value, copied);
    if (*call.old_length == size)
        return 0;
    *call.old_length = copied;
    return EINVAL;
}

int control(const char* name, void* old_value, size_t* old_length, const void* new_value,
            size_t new_length) noexcept {
    if (name == nullptr)
        return EINVAL;
    core::bootstrap();
    Found found;
    if (!find_name(name, found) || found.row == nullptr)
        return ENOENT;
    return apply(found, {old_value, old_length, new_value, new_length});
}

int name_to_mib(const char* name, size_t* mib, size_t* mib_length) noexcept {
    if (name == nullptr || mib == nullptr || mib_length == nullptr)
        return EINVAL;
    core::bootstrap();
    Found found;
    if (!find_name(name, found))
        return ENOENT;
    *mib_length = std::min(*mib_length, found.depth);
    std::copy_n(found.mib.begin(), *mib_length, mib);
    return 0;
}

int control_by_mib(const size_t* mib, size_t mib_length, void* old_value, size_t* old_length,
                   const void* new_value, size_t new_length) noexcept {
    if (mib == nullptr)
        return EINVAL;
    core::bootstrap();
    Found found;
    if (!find_mib({mib, mib_length}, found))
        return ENOENT;
    return apply(found, {old_value, old_length, new_value, new_length});
}

size_t node_count() noexcept { return all_rows().size(); }

NodeInfo node_info(size_t index) noexcept {
    const Row& row = all_rows()[index];
    return {row_text(row.name), name_of(row.type), name_of(row.access), row_text(row.doc)};
}

void visit_names(NameVisitor visit, void* opaque) {
    base::FixedString<kLongestName> name;
    for (size_t i = 0; i < all_rows().size(); ++i) {
        const Row& row = all_rows()[i];
        const NodeInfo info = node_info(i);
        std::array<size_t, kMaxDepth> picks{};
        do {
            spell(row, picks, name);
            if (!visit(opaque, name.c_str(), info))
                return;
        } while (advance(row, picks));
    }
}

void fork_prepare() noexcept { stats_cache().fork_prepare(); }
void fork_parent() noexcept { stats_cache().fork_parent(); }
void fork_child() noexcept { stats_cache().fork_child(); }

}  // namespace granary::ctl
