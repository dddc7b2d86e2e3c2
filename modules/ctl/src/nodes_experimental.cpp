// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// nodes_experimental.cpp — the nodes that take one record and give another.
#include "nodes_experimental.hpp"

#include <cstring>

#include <granary/core/extended.hpp>
#include <granary/core/probe.hpp>
#include <granary/core/request_flags.hpp>

namespace granary::ctl::nodes {

int query_utilization(const Path& /*path*/, const Call& call) noexcept {
    struct Answer {
        const void* next_run;
        size_t free_regions;
        size_t regions;
        size_t bytes;
        size_t bin_free_regions;
        size_t bin_regions;
    };
    const void* pointer = nullptr;
    if (!call.wants_old() || *call.old_length != sizeof(Answer) || call.new_value == nullptr ||
        call.new_length != sizeof pointer) {
        return EINVAL;
    }
    std::memcpy(&pointer, call.new_value, sizeof pointer);
    const core::Utilization use = core::utilization_of(pointer);
    const Answer answer{use.next_run, use.free_regions,     use.regions,
                        use.bytes,    use.bin_free_regions, use.bin_regions};
    return copy_out(&answer, sizeof answer, call);
}

int query_utilizations(const Path& /*path*/, const Call& call) noexcept {
    struct Answer {
        size_t free_regions;
        size_t regions;
        size_t bytes;
    };
    const size_t count = call.new_length / sizeof(void*);
    if (!call.wants_old() || call.new_value == nullptr || count == 0 ||
        call.new_length % sizeof(void*) != 0 || *call.old_length != count * sizeof(Answer)) {
        return EINVAL;
    }
    const auto* const pointers = static_cast<const std::byte*>(call.new_value);
    auto* const answers = static_cast<std::byte*>(call.old_value);
    for (size_t i = 0; i < count; ++i) {
        const void* pointer = nullptr;
        std::memcpy(&pointer, pointers + i * sizeof pointer, sizeof pointer);
        const core::Utilization use = core::utilization_of(pointer);
        const Answer answer{use.free_regions, use.regions, use.bytes};
        std::memcpy(answers + i * sizeof answer, &answer, sizeof answer);
    }
    return 0;
}

int allocate_batch(const Path& /*path*/, const Call& call) noexcept {
    struct Batch {
        void** out;
        size_t count;
        size_t size;
        int flags;
    } batch{};
    if (!call.wants_old() || *call.old_length != sizeof(size_t)) {
        if (call.old_length != nullptr)
            *call.old_length = 0;
        return EINVAL;
    }
    if (call.new_value == nullptr || call.new_length != sizeof batch)
        return EINVAL;
    std::memcpy(&batch, call.new_value, sizeof batch);
    if (batch.out == nullptr && batch.count != 0)
        return EINVAL;
    const core::Request request = core::request_of(static_cast<unsigned>(batch.flags));
    const size_t made = core::allocate_batch(batch.size, request, batch.out, batch.count);
    return copy_out(&made, sizeof made, call);
}

int watch_threads(const Path& /*path*/, const Call& call) noexcept {
    struct Hook {
        void (*callback)(bool, uint64_t, uint64_t);
        uint64_t interval;
        unsigned char allocations_only;  // a byte, whatever the caller's bool may hold
    } hook{};
    if (call.old_value != nullptr || call.old_length != nullptr)
        return EPERM;
    if (call.new_value == nullptr || call.new_length != sizeof hook)
        return EINVAL;
    std::memcpy(&hook, call.new_value, sizeof hook);
    const core::ThreadEvent event{hook.callback, hook.interval, hook.allocations_only != 0};
    return core::add_thread_event(event) ? 0 : EINVAL;
}

}  // namespace granary::ctl::nodes
