// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// abi_granary.cpp — the table of entry points, bound to the prefixed names.
#include <granary/granary.h>

#include "abi.hpp"

namespace granary::tests {

const Abi& tested_abi() {
    static const AllocxAbi kAllocx = {
        granary_mallocx,  granary_rallocx,     granary_xallocx,
        granary_sallocx,  granary_dallocx,     granary_sdallocx,
        granary_nallocx,  granary_alloc_batch, granary_free_batch,
    };
    static const Abi kAbi = {
        "granary",
        granary_malloc,
        granary_calloc,
        granary_realloc,
        granary_reallocarray,
        granary_free,
        granary_free_sized,
        granary_free_aligned_sized,
        granary_aligned_alloc,
        granary_posix_memalign,
        granary_memalign,
        granary_valloc,
        granary_pvalloc,
        [](void* p) -> size_t { return granary_malloc_usable_size(p); },
        [](const void* p) -> bool { return granary_owns(p) != 0; },
        granary_mallctl,
        &kAllocx,
        true,
    };
    return kAbi;
}

}  // namespace granary::tests
