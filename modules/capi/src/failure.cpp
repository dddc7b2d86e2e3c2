// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// failure.cpp — the out-of-line ends of allocating calls: the only places that set errno.
#include <granary/base/panic.hpp>
#include <granary/ctl/conf.hpp>

#include "entry.hpp"

namespace granary::capi {

GRANARY_COLD int no_memory() noexcept {
    if (ctl::startup_settings().flag(ctl::row("xmalloc")))
        base::panic("out of memory, and xmalloc is set");
    return ENOMEM;
}

GRANARY_COLD void* fail(int error) noexcept {
    errno = error == ENOMEM ? no_memory() : error;
    return nullptr;
}

GRANARY_NOINLINE void* allocate_miss(size_t size) noexcept {
    return or_no_memory(core::detail::allocate_slow(size));
}

}  // namespace granary::capi
