// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// override_new.cpp — every replaceable operator new and delete. The one file with exceptions.
//
// Role        A failing new calls the new-handler until there is memory or none is set, then throws
//             (or, nothrow, answers nullptr). Each attempt asks for the same alignment.
// Locking     The handler runs without any lock; it may allocate, free and throw.
// Source      C++20 [new.delete].
#include <dlfcn.h>

#include <granary/base/attributes.hpp>
#include <granary/base/bits.hpp>
#include <granary/base/fixed_string.hpp>
#include <granary/base/panic.hpp>
#include <granary/core/detail/fast_path.hpp>
#include <granary/core/detail/fast_relatives.hpp>
#include <granary/core/heap.hpp>
#include <granary/ctl/conf.hpp>

#include "cxx_runtime.hpp"
#include "entry.hpp"

namespace granary::capi {

void* late_runtime_function(const char* name) noexcept {
    if (&dlopen == nullptr || &dlsym == nullptr || &dlclose == nullptr)
        return nullptr;
    void* const library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr)
        return nullptr;
    void* const function = dlsym(library, name);
    dlclose(library);  // Ends the look-up; whoever loaded the library keeps it.
    return function;
}

std::new_handler current_new_handler() noexcept {
    if (&granary_weak_get_new_handler != nullptr)
        return granary_weak_get_new_handler();
    // SAFETY: the mangled name says the type.
    const auto late = reinterpret_cast<std::new_handler (*)() noexcept>(
        late_runtime_function("_ZSt15get_new_handlerv"));
    return late != nullptr ? late() : nullptr;
}

void throw_bad_alloc() {
    if (has_linked_runtime())
        throw std::bad_alloc();
    // SAFETY: the mangled name says the type.
    const auto late =
        reinterpret_cast<void (*)()>(late_runtime_function("_ZSt17__throw_bad_allocv"));
    if (late != nullptr)
        late();
    base::panic("operator new: out of memory, and no C++ runtime to throw std::bad_alloc");
}

namespace {

/// What malloc aligns to anyway.
constexpr size_t kNoAlignment = 0;

[[nodiscard]] void* attempt(size_t alignment, size_t size) noexcept {
    if (alignment == kNoAlignment)
        return core::allocate(size);
    if (!base::is_power_of_two(alignment))
        return nullptr;
    return core::allocate_aligned(alignment, at_least_one(size));
}

/// experimental_infallible_new.
[[nodiscard]] bool is_infallible() noexcept {
    return ctl::startup_settings().flag(ctl::row("experimental_infallible_new"));
}

[[noreturn]] void die_of(size_t size) noexcept {
    base::FixedString<120> line("Allocation of size ");
    line.append_decimal(size).append(" failed, and experimental_infallible_new is set");
    base::panic(line.view());
}

/// After a first failure: handler and retry, until there is memory or an exception.
[[nodiscard]] GRANARY_COLD void* new_or_throw(size_t alignment, size_t size) {
    while (true) {
        const std::new_handler handler = current_new_handler();
        if (handler == nullptr) {
            if (is_infallible())
                die_of(size);
            throw_bad_alloc();
        }
        handler();
        if (void* const region = attempt(alignment, size); region != nullptr)
            return region;
    }
}

/// The runtime's own nothrow forms, which call our throwing ones and catch what they throw.
[[nodiscard]] void* late_nothrow(size_t alignment, size_t size) noexcept {
    if (alignment == kNoAlignment) {
        using Plain = void* (*)(size_t, const std::nothrow_t&) noexcept;
        // SAFETY: the mangled name says the type.
        const auto plain = reinterpret_cast<Plain>(late_runtime_function("_ZnwmRKSt9nothrow_t"));
        return plain != nullptr ? plain(size, std::nothrow_t{}) : nullptr;
    }
    using Aligned = void* (*)(size_t, std::align_val_t, const std::nothrow_t&) noexcept;
    // SAFETY: the mangled name says the type.
    const auto aligned =
        reinterpret_cast<Aligned>(late_runtime_function("_ZnwmSt11align_val_tRKSt9nothrow_t"));
    return aligned != nullptr ? aligned(size, std::align_val_t{alignment}, std::nothrow_t{})
                              : nullptr;
}

[[nodiscard]] GRANARY_COLD void* new_or_null(size_t alignment, size_t size) noexcept {
    if (current_new_handler() == nullptr) {
        if (is_infallible())
            die_of(size);
        return nullptr;
    }
    if (!has_linked_runtime())
        return late_nothrow(alignment, size);
    try {
        return new_or_throw(alignment, size);
    } catch (...) {
        return nullptr;
    }
}

[[nodiscard]] GRANARY_NOINLINE void* new_miss(size_t size) {
    void* const region = core::detail::allocate_slow(size);
    return GRANARY_LIKELY(region != nullptr) ? region : new_or_throw(kNoAlignment, size);
}

[[nodiscard]] GRANARY_NOINLINE void* new_miss_nothrow(size_t size) noexcept {
    void* const region = core::detail::allocate_slow(size);
    return GRANARY_LIKELY(region != nullptr) ? region : new_or_null(kNoAlignment, size);
}

GRANARY_ALWAYS_INLINE void* new_entry(size_t size) { return core::allocate<new_miss>(size); }

GRANARY_ALWAYS_INLINE void* new_entry(size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return core::allocate<new_miss_nothrow>(size);
}

GRANARY_ALWAYS_INLINE void* new_entry(size_t size, std::align_val_t alignment) {
    if (GRANARY_LIKELY(core::fast::is_low_aligned(static_cast<size_t>(alignment), size)))
        return core::allocate<new_miss>(
            core::fast::aligned_size(static_cast<size_t>(alignment), size));
    void* const region = attempt(static_cast<size_t>(alignment), size);
    return GRANARY_LIKELY(region != nullptr) ? region
                                             : new_or_throw(static_cast<size_t>(alignment), size);
}

GRANARY_ALWAYS_INLINE void* new_entry(size_t size, std::align_val_t alignment,
                                      const std::nothrow_t& /*tag*/) noexcept {
    void* const region = attempt(static_cast<size_t>(alignment), size);
    return GRANARY_LIKELY(region != nullptr) ? region
                                             : new_or_null(static_cast<size_t>(alignment), size);
}

GRANARY_ALWAYS_INLINE void delete_entry(void* pointer, size_t size) noexcept {
    core::fast::deallocate_sized(pointer, size);
}

GRANARY_ALWAYS_INLINE void delete_entry(void* pointer, size_t size,
                                        std::align_val_t alignment) noexcept {
    if (GRANARY_UNLIKELY(pointer == nullptr))
        return;
    core::fast::deallocate_sized_aligned(pointer, static_cast<size_t>(alignment),
                                         at_least_one(size));
}

}  // namespace
}  // namespace granary::capi

using granary::capi::delete_entry;
using granary::capi::new_entry;
using granary::core::deallocate;

// clang-format off
GRANARY_EXPORT void* operator new(size_t size) { return new_entry(size); }
GRANARY_EXPORT void* operator new[](size_t size) { return new_entry(size); }
GRANARY_EXPORT void* operator new(size_t size, const std::nothrow_t& tag) noexcept { return new_entry(size, tag); }
GRANARY_EXPORT void* operator new[](size_t size, const std::nothrow_t& tag) noexcept { return new_entry(size, tag); }
GRANARY_EXPORT void* operator new(size_t size, std::align_val_t alignment) { return new_entry(size, alignment); }
GRANARY_EXPORT void* operator new[](size_t size, std::align_val_t alignment) { return new_entry(size, alignment); }
GRANARY_EXPORT void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
    return new_entry(size, alignment, tag);
}
GRANARY_EXPORT void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
    return new_entry(size, alignment, tag);
}

GRANARY_EXPORT void operator delete(void* p) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete[](void* p) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete(void* p, const std::nothrow_t&) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete[](void* p, const std::nothrow_t&) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete(void* p, size_t size) noexcept { delete_entry(p, size); }
GRANARY_EXPORT void operator delete[](void* p, size_t size) noexcept { delete_entry(p, size); }
GRANARY_EXPORT void operator delete(void* p, std::align_val_t) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete[](void* p, std::align_val_t) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { deallocate(p); }
GRANARY_EXPORT void operator delete(void* p, size_t size, std::align_val_t alignment) noexcept {
    delete_entry(p, size, alignment);
}
GRANARY_EXPORT void operator delete[](void* p, size_t size, std::align_val_t alignment) noexcept {
    delete_entry(p, size, alignment);
}
// clang-format on
