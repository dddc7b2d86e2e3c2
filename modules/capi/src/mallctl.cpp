// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mallctl.cpp — questions and control, under every name that the library has for them.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <granary/granary.h>
#include <granary/base/build_config.hpp>
#include <granary/core/control.hpp>
#include <granary/core/detail/fast_relatives.hpp>
#include <granary/core/heap.hpp>
#include <granary/core/lifecycle.hpp>
#include <granary/ctl/ctl.hpp>
#include <granary/ctl/report.hpp>

#include "alias.hpp"

using granary::base::kVersion;

static_assert(GRANARY_VERSION_MAJOR == granary::base::kVersionMajor &&
                  GRANARY_VERSION_MINOR == granary::base::kVersionMinor &&
                  GRANARY_VERSION_BUGFIX == granary::base::kVersionBugfix &&
                  kVersion.starts_with(GRANARY_VERSION "-"),
              "granary.h and the build disagree on the version");

int granary_owns(const void* pointer) noexcept { return granary::core::owns(pointer) ? 1 : 0; }

int granary_owns_region(const void* pointer) noexcept {
    return granary::core::is_region(pointer) ? 1 : 0;
}

int granary_mallctl(const char* name, void* old_value, size_t* old_length, void* new_value,
                    size_t new_length) noexcept {
    return granary::ctl::control(name, old_value, old_length, new_value, new_length);
}

int granary_mallctlnametomib(const char* name, size_t* mib, size_t* mib_length) noexcept {
    return granary::ctl::name_to_mib(name, mib, mib_length);
}

int granary_mallctlbymib(const size_t* mib, size_t mib_length, void* old_value, size_t* old_length,
                         void* new_value, size_t new_length) noexcept {
    return granary::ctl::control_by_mib(mib, mib_length, old_value, old_length, new_value,
                                        new_length);
}

void granary_malloc_stats_print(void (*writer)(void* opaque, const char* text), void* opaque,
                                const char* options) noexcept {
    granary::ctl::print_stats(writer, opaque, options);
}

void granary_metrics_print(void (*writer)(void* opaque, const char* text), void* opaque) noexcept {
    granary::ctl::print_metrics(writer, opaque);
}

namespace {

struct Listing {
    int (*visit)(void* opaque, const granary_ctl_node* node);
    void* opaque;
    int result;
};

}  // namespace

int granary_ctl_list(int (*visit)(void* opaque, const granary_ctl_node* node), void* opaque) {
    Listing listing{visit, opaque, 0};
    granary::ctl::visit_names(
        [](void* self, const char* name, const granary::ctl::NodeInfo& info) {
            auto& list = *static_cast<Listing*>(self);
            // The table's texts are literals: they end with a zero.
            const granary_ctl_node node{name, info.type.data(), info.access.data(),
                                        info.doc.data()};
            list.result = list.visit(list.opaque, &node);
            return list.result == 0;
        },
        &listing);
    return listing.result;
}

int granary_stats_v1_read(granary_stats_v1* out, size_t room) noexcept {
    if (out == nullptr || room < sizeof out->size)
        return EINVAL;
    granary::core::HeapSnapshot heap;
    granary_stats_v1 stats{};
    stats.epoch = granary::ctl::read_stats(heap);
    stats.allocated = heap.allocated;
    stats.small_allocated = heap.small_allocated;
    stats.large_allocated = heap.large_allocated;
    stats.huge_allocated = heap.huge_allocated;
    stats.active = heap.active;
    stats.resident = heap.resident;
    stats.mapped = heap.mapped;
    stats.metadata = heap.metadata;
    stats.dirty = heap.dirty;
    stats.muzzy = heap.muzzy;
    stats.retained = heap.retained;
    stats.cached = heap.cached;
    stats.thread_cached = heap.thread_cached;
    stats.run_bytes = heap.small_resident;
    stats.dirty_purged = heap.dirty_purged * granary::core::kPageSize;
    stats.muzzy_purged = heap.muzzy_purged * granary::core::kPageSize;
    stats.large_live = heap.large_live;
    stats.huge_live = heap.huge_live;
    stats.arenas = heap.arenas;
    stats.threads = heap.threads;
    stats.size = std::min(room, sizeof stats);
    std::memcpy(out, &stats, static_cast<size_t>(stats.size));
    return 0;
}

size_t granary_malloc_usable_size(const void* pointer) noexcept {
    return granary::core::fast::usable_size(pointer);
}

int granary_malloc_trim(size_t /*pad*/) noexcept {
    granary::core::bootstrap();
    return granary::core::purge_all() > 0 ? 1 : 0;
}

#include <granary/capi/names_mallctl.hpp>
