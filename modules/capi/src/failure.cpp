// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// failure.cpp — the out-of-line ends of allocating calls: the only places that set errno.
#include "entry.hpp"

namespace granary::capi {

GRANARY_COLD void* fail(int error) noexcept {
    errno = error;
    return nullptr;
}

GRANARY_NOINLINE void* allocate_miss(size_t size) noexcept {
    return or_no_memory(core::detail::allocate_slow(size));
}

}  // namespace granary::capi
