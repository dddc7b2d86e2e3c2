// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// explicit_caches.cpp — thread caches by number; see granary/core/control.hpp.
#include "granary/core/control.hpp"
#include "granary/core/lifecycle.hpp"
#include "heap/heap_state.hpp"

namespace granary::core {

static_assert(kNoIndex == CacheSet::kNone);

unsigned create_tcache() noexcept {
    bootstrap();
    return g_heap.caches.create(g_heap.magazines, g_heap.metadata);
}

bool flush_tcache(unsigned number) noexcept {
    ExplicitCache* cache = g_heap.caches.find(number);
    if (cache == nullptr || !cache->is_alive())
        return false;
    cache->flush();
    return true;
}

bool destroy_tcache(unsigned number) noexcept { return g_heap.caches.destroy(number); }

}  // namespace granary::core
