// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// node.hpp — what a row of the node table is made of.
//
// Role        A node exists at compile time only; tree.cpp makes what the program uses of it.
//             It names a typed value and the functions that get and set it. Lengths, access
//             and copying are checked in one place (control.cpp); only nodes that take one type
//             and give another do it themselves, by copy_out().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <granary/ctl/ctl.hpp>

namespace granary::ctl {

enum class Type : uint8_t {
    none,
    boolean,
    u32,
    uint,
    size,
    ssize,
    i64,
    u64,
    text,
    u64_pointer,
    size_pointer,
    pointer,
    record,  ///< several values; the node's own function knows how many bytes
};

enum class Access : uint8_t {
    read,
    read_write,  ///< a call that does both answers the old value
    refresh,     ///< a call that does both answers the new value
    write,       ///< takes a value and gives none
    action,      ///< does something; neither takes nor gives a value
};

/// Bytes of a type, as C callers see it.
[[nodiscard]] constexpr size_t size_of(Type type) noexcept {
    switch (type) {
        case Type::none:
        case Type::record:
            return 0;
        case Type::boolean:
            return sizeof(bool);
        case Type::u32:
            return sizeof(uint32_t);
        case Type::uint:
            return sizeof(unsigned);
        case Type::size:
        case Type::ssize:
            return sizeof(size_t);
        case Type::i64:
        case Type::u64:
            return sizeof(uint64_t);
        case Type::text:
        case Type::u64_pointer:
        case Type::size_pointer:
        case Type::pointer:
            return sizeof(void*);
    }
    return 0;
}

/// The bytes of one value of any Type.
class Value {
public:
    template <typename T>
    void put(const T& value) noexcept {
        static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kBytes);
        std::memcpy(bytes_.data(), &value, sizeof(T));
        size_ = sizeof(T);
    }

    template <typename T>
    [[nodiscard]] T as() const noexcept {
        static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kBytes);
        T value;
        std::memcpy(&value, bytes_.data(), sizeof(T));
        return value;
    }

    /// Takes the bytes of a caller's value; `size` is that of the node's type.
    void assign(const void* bytes, size_t size) noexcept {
        std::memcpy(bytes_.data(), bytes, size);
        size_ = size;
    }

    [[nodiscard]] const std::byte* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] size_t size() const noexcept { return size_; }

private:
    static constexpr size_t kBytes = 8;
    alignas(8) std::array<std::byte, kBytes> bytes_{};
    size_t size_ = 0;
};

/// Lengths of the two tables of a huge-page shard, which granary does not have.
inline constexpr size_t kShardSlabClasses = 64;
inline constexpr size_t kShardAllocClasses = 9;

/// The indices of a path after they were checked.
struct Path {
    size_t arena = 0;  ///< may be kAllArenas or kDestroyedArenas
    size_t bin = 0;
    size_t item = 0;  ///< large class, page class, or place in a table of a huge-page shard
    std::array<size_t, 2> words{};  ///< which word of the path's first and second list of words
};

/// One call's buffers, as they came.
struct Call {
    void* old_value;
    size_t* old_length;
    const void* new_value;
    size_t new_length;

    [[nodiscard]] bool wants_old() const noexcept {
        return old_value != nullptr && old_length != nullptr;
    }
    [[nodiscard]] bool has_new() const noexcept { return new_value != nullptr || new_length != 0; }
};

using Getter = int (*)(const Path&, Value&) noexcept;
using Setter = int (*)(const Path&, const Value&) noexcept;
using Caller = int (*)(const Path&, const Call&) noexcept;

/// One row: name, type, access, documentation, functions. An action or a write-only node has only
/// `set`; a node whose rules are its own has only `call`. In a name, `<arena>` and its like stand
/// for an index and `{a|b}` for one of several words.
/// Invariant: what `get` puts has size_of(type) bytes (a test asks every node).
struct Node {
    std::string_view name;
    Type type;
    Access access;
    std::string_view doc;
    Getter get;
    Setter set = nullptr;
    Caller call = nullptr;
};

/// Copies a value out, if it is wanted. With a wrong length the caller gets what fits, and EINVAL.
int copy_out(const void* value, size_t size, const Call& call) noexcept;

}  // namespace granary::ctl
