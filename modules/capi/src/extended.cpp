// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// extended.cpp — mallocx and its family: flags to core's requests.
//
// Invariants  N1  errno is never touched.
#include <granary/granary.h>

#include <granary/base/attributes.hpp>
#include <granary/core/detail/fast_path.hpp>
#include <granary/core/extended.hpp>
#include <granary/core/request_flags.hpp>
#include <granary/core/heap.hpp>

#include "alias.hpp"

namespace granary::capi {
namespace {

static_assert(GRANARY_MALLOCX_ZERO == core::detail::kZero && GRANARY_MALLOCX_LG_ALIGN(5) == 5);
static_assert(GRANARY_MALLOCX_ALIGN(4096) == 12 && GRANARY_MALLOCX_ALIGN(1) == 0);
static_assert(GRANARY_MALLOCX_TCACHE_NONE == 0x100 && GRANARY_MALLOCX_TCACHE(0) == 0x200);
static_assert(GRANARY_MALLOCX_ARENA(0) == 0x100000);

constexpr core::Request request_of(int flags) noexcept {
    return core::request_of(static_cast<unsigned>(flags));
}

}  // namespace
}  // namespace granary::capi

using granary::capi::request_of;
namespace core = granary::core;

void* granary_mallocx(size_t size, int flags) noexcept {
    if (GRANARY_LIKELY(flags == 0))
        return core::allocate(size);
    return core::allocate_with(size, request_of(flags));
}

void* granary_rallocx(void* pointer, size_t size, int flags) noexcept {
    return core::reallocate_with(pointer, size, request_of(flags));
}

size_t granary_xallocx(void* pointer, size_t size, size_t extra, int flags) noexcept {
    return core::resize_with(pointer, size, extra, request_of(flags));
}

size_t granary_sallocx(const void* pointer, int /*flags*/) noexcept {
    return core::usable_size(pointer);
}

void granary_dallocx(void* pointer, int flags) noexcept {
    if (GRANARY_LIKELY(flags == 0))
        return core::deallocate(pointer);
    core::deallocate_with(pointer, request_of(flags).cache);
}

void granary_sdallocx(void* pointer, size_t size, int flags) noexcept {
    core::deallocate_sized_with(pointer, size, request_of(flags));
}

size_t granary_nallocx(size_t size, int flags) noexcept {
    return core::size_with(size, request_of(flags));
}

granary_smallocx_return_t granary_smallocx(size_t size, int flags) noexcept {
    const core::Request request = request_of(flags);
    void* const pointer = core::allocate_with(size, request);
    return {pointer, pointer == nullptr ? 0 : core::size_with(size, request)};
}

size_t granary_alloc_batch(size_t size, int flags, void** out, size_t count) noexcept {
    return core::allocate_batch(size, request_of(flags), out, count);
}

void granary_free_batch(void* const* pointers, size_t count) noexcept {
    core::deallocate_batch(pointers, count);
}

int granary_get_defrag_hint(void* pointer) noexcept {
    return core::is_worth_moving(pointer) ? 1 : 0;
}

#include <granary/capi/names_extended.hpp>
