// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// node.hpp — what a row of the node table is made of.
//
// Role        A node names a typed value and the functions that get and set it. Lengths, access
//             and copying are checked in one place (tree.cpp), never in a node.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <granary/ctl/ctl.hpp>

namespace granary::ctl {

enum class Type : uint8_t { none, boolean, u32, uint, size, ssize, u64, text, u64_pointer };

enum class Access : uint8_t {
    read,
    read_write,  ///< a call that does both answers the old value
    refresh,     ///< a call that does both answers the new value
    action,      ///< does something; neither takes nor gives a value
};

/// Bytes of a type, as C callers see it.
[[nodiscard]] constexpr size_t size_of(Type type) noexcept {
    switch (type) {
        case Type::none:
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
        case Type::u64:
            return sizeof(uint64_t);
        case Type::text:
        case Type::u64_pointer:
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

/// The indices of a path after they were checked. `arena` may be kAllArenas.
struct Path {
    size_t arena = 0;
    size_t bin = 0;
};

using Getter = int (*)(const Path&, Value&) noexcept;
using Setter = int (*)(const Path&, const Value&) noexcept;

/// One row: name, type, access, documentation, functions. An action has only `set`.
/// Invariant: what `get` puts has size_of(type) bytes (a test asks every node).
struct Node {
    std::string_view name;
    Type type;
    Access access;
    std::string_view doc;
    Getter get;
    Setter set = nullptr;
};

}  // namespace granary::ctl
