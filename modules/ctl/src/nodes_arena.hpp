// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_arena.hpp — what nodes about one arena, and about all arenas, do.
#pragma once

#include <atomic>
#include <cerrno>
#include <string_view>

#include <granary/core/control.hpp>
#include <granary/core/large_class.hpp>
#include <granary/core/size_class.hpp>
#include <granary/ctl/options.hpp>

#include "node.hpp"
#include "stats_cache.hpp"

namespace granary::ctl {
namespace nodes {

/// The index as core takes it; what is no arena's index stays none's.
[[nodiscard]] inline unsigned index_of(const Path& path) noexcept {
    return path.arena < kAllArenas ? static_cast<unsigned>(path.arena) : core::kNoIndex;
}

inline int purge(const Path& path, const Value& /*in*/) noexcept {
    if (path.arena == kAllArenas) {
        core::purge_all();
        return 0;
    }
    return core::purge_arena(static_cast<unsigned>(path.arena)) ? 0 : EFAULT;
}

inline int decay(const Path& path, const Value& /*in*/) noexcept {
    if (path.arena == kAllArenas) {
        core::maintain();
        return 0;
    }
    return core::decay_arena(static_cast<unsigned>(path.arena)) ? 0 : EFAULT;
}

inline int get_initialized(const Path& path, Value& out) noexcept {
    const bool exists = path.arena == kAllArenas || core::arena_exists(index_of(path)) ||
                        (path.arena == kDestroyedArenas && stats_cache().has_destroyed());
    out.put(exists);
    return 0;
}

/// Memory is never taken from the program's break.
inline int get_dss(const Path& /*path*/, Value& out) noexcept {
    const char* const disabled = "disabled";
    out.put(disabled);
    return 0;
}

inline int set_dss(const Path& /*path*/, const Value& in) noexcept {
    const char* const text = in.as<const char*>();
    const std::string_view wanted = text == nullptr ? std::string_view() : std::string_view(text);
    if (wanted == "disabled")
        return 0;
    return wanted == "primary" || wanted == "secondary" ? EFAULT : EINVAL;
}

/// A number that is kept for whoever asks, and changes nothing.
template <size_t Default, size_t Least>
struct Remembered {
    static inline constinit std::atomic<size_t> value{Default};

    static int get(const Path& path, Value& out) noexcept {
        if (path.arena >= core::arena_count() && path.arena != kAllArenas)
            return EFAULT;
        out.put(value.load(std::memory_order_relaxed));
        return 0;
    }
    static int set(const Path& path, const Value& in) noexcept {
        if ((path.arena >= core::arena_count() && path.arena != kAllArenas) ||
            in.as<size_t>() < Least) {
            return EFAULT;
        }
        value.store(in.as<size_t>(), std::memory_order_relaxed);
        return 0;
    }
};

using OversizeThreshold = Remembered<size_t{8} << 20, 0>;
using RetainGrowLimit = Remembered<size_t{256} << 20, core::kPageSize>;

/// Decay times are bounded as in option text.
[[nodiscard]] inline bool is_decay_ms(int64_t ms) noexcept {
    return ms >= -1 && ms <= static_cast<int64_t>(kMaxDecayMs);
}

template <int64_t (*Get)(unsigned) noexcept>
int get_arena_decay_ms(const Path& path, Value& out) noexcept {
    const int64_t ms = Get(index_of(path));
    if (ms < -1)
        return EFAULT;
    out.put(ms);
    return 0;
}

template <bool (*Set)(unsigned, int64_t) noexcept>
int set_arena_decay_ms(const Path& path, const Value& in) noexcept {
    const auto ms = in.as<int64_t>();
    return is_decay_ms(ms) && Set(index_of(path), ms) ? 0 : EFAULT;
}

inline int get_arena_count(const Path& /*path*/, Value& out) noexcept {
    out.put(stats_cache().arena_count(true));
    return 0;
}

template <int64_t (*Get)() noexcept>
int get_decay_ms(const Path& /*path*/, Value& out) noexcept {
    out.put(Get());
    return 0;
}

template <void (*Set)(int64_t) noexcept>
int set_decay_ms(const Path& /*path*/, const Value& in) noexcept {
    const auto ms = in.as<int64_t>();
    if (!is_decay_ms(ms))
        return EFAULT;
    Set(ms);
    return 0;
}

template <typename T, T Constant>
int constant(const Path& /*path*/, Value& out) noexcept {
    out.put(Constant);
    return 0;
}

inline int get_bin_size(const Path& path, Value& out) noexcept {
    out.put(size_t{core::kSizeClasses[path.bin].size});
    return 0;
}

inline int get_bin_regions(const Path& path, Value& out) noexcept {
    out.put(uint32_t{core::kSizeClasses[path.bin].run_regions});
    return 0;
}

inline int get_bin_run_bytes(const Path& path, Value& out) noexcept {
    out.put(size_t{core::kSizeClasses[path.bin].run_pages} * core::kPageSize);
    return 0;
}

inline int get_large_size(const Path& path, Value& out) noexcept {
    out.put(core::large_class_size(path.item));
    return 0;
}

}  // namespace nodes

}  // namespace granary::ctl
