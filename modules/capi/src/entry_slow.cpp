// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// entry_slow.cpp — the calls of entry.hpp whose arguments the inline part does not serve.
#include <granary/base/panic.hpp>
#include <granary/core/probe.hpp>

#include "entry.hpp"

namespace granary::capi {

namespace {

/// realloc(pointer, 0): what the option zero_realloc says.
[[nodiscard]] GRANARY_COLD void* realloc_to_nothing(void* pointer) noexcept {
    switch (core::note_zero_realloc()) {
        case core::ZeroRealloc::free:
            free_entry(pointer);
            return nullptr;
        case core::ZeroRealloc::allocate:
            return or_no_memory(core::reallocate(pointer, 1));
        case core::ZeroRealloc::abort:
            break;
    }
    base::panic("realloc(p, 0), and zero_realloc is abort");
}

}  // namespace

GRANARY_NOINLINE void* calloc_slow(size_t size) noexcept {
    return or_no_memory(core::allocate_zeroed(size));
}

GRANARY_NOINLINE void* realloc_slow(void* pointer, size_t size) noexcept {
    if (GRANARY_UNLIKELY(pointer == nullptr))
        return malloc_entry(size);
    if (GRANARY_UNLIKELY(size == 0))
        return realloc_to_nothing(pointer);
    // realloc_entry() has asked for smaller ones.
    if (size > core::kLowMax && size <= core::kSmallMax &&
        core::fast::fits(pointer, core::high_class(size)))
        return pointer;
    return or_no_memory(core::reallocate(pointer, size));
}

GRANARY_NOINLINE void* aligned_alloc_slow(size_t alignment, size_t size) noexcept {
    if (!base::is_power_of_two(alignment))
        return fail(EINVAL);
    return or_no_memory(core::allocate_aligned(alignment, at_least_one(size)));
}

GRANARY_NOINLINE int posix_memalign_slow(void** out, size_t alignment, size_t size) noexcept {
    if (!base::is_power_of_two(alignment) || alignment < sizeof(void*))
        return EINVAL;
    void* const pointer = core::allocate_aligned(alignment, at_least_one(size));
    if (pointer == nullptr)
        return no_memory();
    *out = pointer;
    return 0;
}

}  // namespace granary::capi
