// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// actor_refused.cpp — the operations that must be refused, and questions about others' addresses.
#include <cerrno>

#include "actor.hpp"
#include "keeping_errno.hpp"

namespace granary::tests {
namespace {

constexpr size_t kPage = 4096;

void expect_failure(const char* call, const void* result, int expected_errno) {
    if (result != nullptr)
        diverged("%s returned %p instead of failing", call, result);
    if (errno != expected_errno)
        diverged("%s set errno to %d, not %d", call, errno, expected_errno);
}

}  // namespace

void Actor::request_too_much(const Op& op) {
    constexpr size_t kTooLarge = static_cast<size_t>(PTRDIFF_MAX) + 1;
    const unsigned slot = op.slot % static_cast<unsigned>(slots_.size());
    void* const live = slots_[slot] == heap_.nowhere() ? nullptr : slots_[slot]->second.pointer();
    errno = 0;
    switch (op.argument % 8) {
        case 0:
            return expect_failure("malloc", abi_.malloc(kTooLarge + op.size), ENOMEM);
        case 1:
            return expect_failure("calloc", abi_.calloc(SIZE_MAX / 2, 3), ENOMEM);
        case 2:
            return expect_failure("realloc", abi_.realloc(live, kTooLarge), ENOMEM);
        case 3:
            return expect_failure("reallocarray", abi_.reallocarray(live, SIZE_MAX / 4, 8), ENOMEM);
        case 4:
            return expect_failure("aligned_alloc", abi_.aligned_alloc(64, SIZE_MAX - 64), ENOMEM);
        case 5:
            return expect_failure("pvalloc", abi_.pvalloc(SIZE_MAX - 10), ENOMEM);
        case 6:
            if (!is_granary(abi_))
                return;  // glibc rounds bad alignments up
            return expect_failure("aligned_alloc", abi_.aligned_alloc(24, 8), EINVAL);
        default:
            break;
    }
    void* untouched = &untouched;
    if (abi_.posix_memalign(&untouched, 24, 8) != EINVAL)
        diverged("posix_memalign accepts alignment 24");
    if (abi_.posix_memalign(&untouched, 64, kTooLarge) != ENOMEM)
        diverged("posix_memalign(64, 2^63) is not ENOMEM");
    if (untouched != &untouched)
        diverged("a failed posix_memalign stored a pointer");
    verify(slot);
}

void Actor::ask_about_foreign_addresses(const Op& op) {
    if (abi_.owns == nullptr)
        return;
    static const int kConstant = 1;
    const int on_stack = 0;
    const uintptr_t candidates[] = {
        reinterpret_cast<uintptr_t>(&on_stack),
        reinterpret_cast<uintptr_t>(&kConstant),
        op.size % kPage,
        ~uintptr_t{0} - op.size,
        uintptr_t{1} << 63 | rng_.next(),
        uintptr_t{1} << 47 | (rng_.next() >> 17),
    };
    for (const uintptr_t address : candidates) {
        const void* const pointer = reinterpret_cast<const void*>(address);
        if (keeping_errno("owns", [&] { return abi_.owns(pointer); }))
            diverged("owns(%p) is true", pointer);
    }
}

}  // namespace granary::tests
