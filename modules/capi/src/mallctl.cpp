// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mallctl.cpp — questions and control: the prefixed names that both libraries share.
#include <string_view>

#include <granary/granary.h>
#include <granary/base/build_config.hpp>
#include <granary/core/control.hpp>
#include <granary/core/heap.hpp>
#include <granary/core/lifecycle.hpp>
#include <granary/ctl/ctl.hpp>
#include <granary/ctl/report.hpp>

using granary::base::kVersion;

static_assert(GRANARY_VERSION_MAJOR == granary::base::kVersionMajor &&
                  GRANARY_VERSION_MINOR == granary::base::kVersionMinor &&
                  GRANARY_VERSION_BUGFIX == granary::base::kVersionBugfix &&
                  kVersion.starts_with(GRANARY_VERSION "-"),
              "granary.h and the build disagree on the version");

int granary_owns(const void* pointer) noexcept { return granary::core::owns(pointer) ? 1 : 0; }

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

size_t granary_malloc_usable_size(const void* pointer) noexcept {
    return granary::core::usable_size(pointer);
}

int granary_malloc_trim(size_t /*pad*/) noexcept {
    granary::core::bootstrap();
    return granary::core::purge_all() > 0 ? 1 : 0;
}
