// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// pages.hpp — address space and pages, as a table of functions that can be replaced.
//
// Role        The floor under page/ and meta/: the kernel in a program, a fake in a test, hooks of
//             an application's own.
// Invariants  G1  every address and size is a multiple of page_size(); sizes are not zero.
//             G2  a call that says no has changed nothing that its contract does not name.
//             G3  errno is untouched.
// Cost        one system call each, except where said.
#pragma once

#include <cstddef>

namespace granary::os {

/// The kernel's page size, 4 KiB to 64 KiB, found at run time.
/// Cost           a load after the first call; no system call ever.
[[nodiscard]] size_t page_size() noexcept;

/// The size of a transparent huge page: what one last-level page table maps.
[[nodiscard]] size_t huge_page_size() noexcept;

/// Address space moves through these states: reserve → commit ⇄ decommit → release; purges keep a
/// committed range committed. Each function gets `self` of the table it was found in.
struct PageOps {
    void* self;

    /// Takes address space, inaccessible and without backing. `hint` is only a hint, the kernel
    /// decides; nullptr when there is no room.
    void* (*reserve)(void* self, void* hint, size_t size) noexcept;

    /// Gives address space back, whatever its state; any part of what was reserved or mapped.
    bool (*release)(void* self, void* address, size_t size) noexcept;

    /// Makes reserved pages readable and writable; fresh ones read zero.
    bool (*commit)(void* self, void* address, size_t size) noexcept;

    /// Gives the pages back and makes them inaccessible; the addresses stay reserved.
    bool (*decommit)(void* self, void* address, size_t size) noexcept;

    /// Lets the kernel take the pages when it needs them. Until the next write a page reads its
    /// old contents or zero. False where the kernel cannot: nothing happened.
    bool (*purge_lazy)(void* self, void* address, size_t size) noexcept;

    /// Gives the pages back at once. On true they read zero afterwards, on any system; on false
    /// (locked pages) their contents are as before.
    bool (*purge_forced)(void* self, void* address, size_t size) noexcept;

    /// Asks for huge pages (on) or forbids them (off) in the range. False changes nothing but
    /// speed.
    bool (*hint_huge)(void* self, void* address, size_t size, bool on) noexcept;

    /// Whether the page at `address` is in memory; false also where nobody can tell.
    bool (*is_resident)(void* self, void* address) noexcept;

    /// Moves pages by their page tables instead of copying: `to` then holds what `from` held, and
    /// `from` stays mapped with its protection and reads zero. The ranges do not overlap, both are
    /// the caller's; what `to` held is given up. `from` is committed and one mapping in the
    /// kernel's eyes: not hinted or committed in pieces (some kernels refuse to move more than one
    /// mapping, newer ones move them one by one and may stop halfway for lack of memory).
    /// On false `from` is untouched, and `to` is either untouched or committed and zero: where it
    /// was committed before, it can be copied into. False on kernels before 5.7.
    bool (*move)(void* self, void* from, void* to, size_t size) noexcept;

    /// Maps pages that are readable, writable and zero, for metadata; nullptr when there is no
    /// room.
    void* (*map)(void* self, size_t size) noexcept;
};

/// The table that asks the kernel.
[[nodiscard]] const PageOps& kernel_pages() noexcept;

/// Whether MADV_DONTNEED alone leaves zeros behind, as Linux promises and some emulators do not.
/// purge_forced() keeps its promise either way.
/// Cost           four system calls at the first question, then a load.
[[nodiscard]] bool purge_forced_zeroes() noexcept;

/// Takes the answer to be yes, without the question.
void trust_purges() noexcept;

}  // namespace granary::os
