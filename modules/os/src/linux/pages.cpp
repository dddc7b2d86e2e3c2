// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// pages.cpp — PageOps over the Linux kernel.
//
// Everything is private anonymous memory mapped with MAP_NORESERVE. What is mapped that way is not
// charged when it becomes writable, so commit and decommit do not split accounting, and the kernel
// merges neighbours of equal protection into one VMA.
#include <granary/os/pages.hpp>

#include <sys/auxv.h>
#include <sys/mman.h>
#include <atomic>
#include <cstdint>
#include <cstring>

#include <granary/base/bits.hpp>
#include <granary/base/build_config.hpp>
#include <granary/base/panic.hpp>

#include "linux/raw_syscall.hpp"

// Older C libraries lack these; the values are the kernel's ABI.
#ifndef MADV_FREE
#define MADV_FREE 8
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace granary::os {
namespace {

constexpr size_t kSmallestPage = 4096;
constexpr size_t kLargestPage = 65536;

constexpr int kPrivateAnonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

constinit std::atomic<size_t> g_page_size{0};

enum class Answer : uint8_t { unknown, no, yes };
constinit std::atomic<Answer> g_purge_zeroes{Answer::unknown};

/// Maps pages; nullptr on failure.
void* map_pages(void* address, size_t size, int protection, int flags) noexcept {
    if constexpr (base::kThreadSanitizer) {
        // Its shadow of these addresses is reset by the wrapper only: without that, the next user
        // of recycled addresses seems to race with the last one.
        const int saved = errno;
        void* const mapped = ::mmap(address, size, protection, flags, -1, 0);
        errno = saved;
        return mapped == MAP_FAILED ? nullptr : mapped;
    }
    const long result = raw::call(SYS_mmap, address, size, protection, flags, -1, 0);
    // SAFETY: the kernel returned the address of a mapping.
    return raw::failed(result) ? nullptr : base::pointer_at(static_cast<uintptr_t>(result));
}

bool unmap_pages(void* address, size_t size) noexcept {
    if constexpr (base::kThreadSanitizer) {
        const int saved = errno;
        const bool done = ::munmap(address, size) == 0;
        errno = saved;
        return done;
    }
    return raw::call(SYS_munmap, address, size) == 0;
}

bool advise(void* address, size_t size, int advice) noexcept {
    return raw::call(SYS_madvise, address, size, advice) == 0;
}

void assert_pages([[maybe_unused]] const void* address, [[maybe_unused]] size_t size) noexcept {
    GRANARY_ASSERT(size != 0 && base::is_aligned(size, page_size()), "G1");
    GRANARY_ASSERT(base::is_aligned(base::address_of(address), page_size()), "G1");
}

void* reserve(void*, void* hint, size_t size) noexcept {
    assert_pages(hint, size);
    return map_pages(hint, size, PROT_NONE, kPrivateAnonymous);
}

bool release(void*, void* address, size_t size) noexcept {
    assert_pages(address, size);
    return unmap_pages(address, size);
}

bool commit(void*, void* address, size_t size) noexcept {
    assert_pages(address, size);
    return raw::call(SYS_mprotect, address, size, kReadWrite) == 0;
}

bool decommit(void*, void* address, size_t size) noexcept {
    assert_pages(address, size);
    // One call replaces the pages by a fresh reservation. Where that is refused (too many
    // mappings), the same in two calls that never leave a hole behind.
    if (map_pages(address, size, PROT_NONE, kPrivateAnonymous | MAP_FIXED) != nullptr) {
        return true;
    }
    return advise(address, size, MADV_DONTNEED) &&
           raw::call(SYS_mprotect, address, size, PROT_NONE) == 0;
}

bool purge_lazy(void*, void* address, size_t size) noexcept {
    assert_pages(address, size);
    return advise(address, size, MADV_FREE);
}

bool purge_forced(void*, void* address, size_t size) noexcept {
    assert_pages(address, size);
    if (!advise(address, size, MADV_DONTNEED)) {
        return false;
    }
    if (!purge_forced_zeroes()) {
        std::memset(address, 0, size);
    }
    return true;
}

bool hint_huge(void*, void* address, size_t size, bool on) noexcept {
    assert_pages(address, size);
    return advise(address, size, on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

bool is_resident(void*, void* address) noexcept {
    assert_pages(address, page_size());
    unsigned char in_memory = 0;
    return raw::call(SYS_mincore, address, page_size(), &in_memory) == 0 && (in_memory & 1) != 0;
}

/// After a refused move: the kernel may have unmapped the target before it refused. Fills that
/// hole, and only a hole: nobody else's mapping is replaced.
void mend_target(void* to, size_t size) noexcept {
    void* const mapped = map_pages(to, size, kReadWrite, kPrivateAnonymous | MAP_FIXED_NOREPLACE);
    if (mapped == nullptr || mapped == to) {
        return;  // still mapped (the usual case), or mended
    }
    // A kernel before 4.17 takes the address for a hint: it was occupied, so there was no hole.
    unmap_pages(mapped, size);
}

bool move(void*, void* from, void* to, size_t size) noexcept {
    assert_pages(from, size);
    assert_pages(to, size);
    // Without MREMAP_DONTUNMAP (before Linux 5.7) there is no safe way: a plain move leaves a hole
    // at `from` that another thread's mapping can slip into before it is filled. The caller copies.
    const long result = raw::call(SYS_mremap, from, size, size,
                                  MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
    if (!raw::failed(result)) {
        return true;
    }
    mend_target(to, size);
    return false;
}

void* map(void*, size_t size) noexcept {
    assert_pages(nullptr, size);
    return map_pages(nullptr, size, kReadWrite, kPrivateAnonymous);
}

constinit const PageOps kKernelPages = {
    .self = nullptr,
    .reserve = reserve,
    .release = release,
    .commit = commit,
    .decommit = decommit,
    .purge_lazy = purge_lazy,
    .purge_forced = purge_forced,
    .hint_huge = hint_huge,
    .is_resident = is_resident,
    .move = move,
    .map = map,
};

GRANARY_COLD size_t find_page_size() noexcept {
    const size_t size = getauxval(AT_PAGESZ);
    GRANARY_CHECK(base::is_power_of_two(size) && size >= kSmallestPage && size <= kLargestPage,
                  "the kernel's page size is not a power of two from 4096 to 65536");
    g_page_size.store(size, std::memory_order_relaxed);
    return size;
}

GRANARY_COLD bool find_purge_zeroes() noexcept {
    const size_t size = page_size();
    void* const page = map_pages(nullptr, size, kReadWrite, kPrivateAnonymous);
    if (page == nullptr) {
        return false;  // no room to try: do not rely on it, and ask again
    }
    auto* const byte = static_cast<volatile unsigned char*>(page);
    *byte = 1;
    const bool zeroes = advise(page, size, MADV_DONTNEED) && *byte == 0;
    unmap_pages(page, size);
    g_purge_zeroes.store(zeroes ? Answer::yes : Answer::no, std::memory_order_relaxed);
    return zeroes;
}

}  // namespace

size_t page_size() noexcept {
    const size_t size = g_page_size.load(std::memory_order_relaxed);
    return GRANARY_LIKELY(size != 0) ? size : find_page_size();
}

size_t huge_page_size() noexcept {
    // A page table is one page of 8-byte entries, each mapping one page.
    const size_t page = page_size();
    return page / sizeof(uint64_t) * page;
}

bool purge_forced_zeroes() noexcept {
    const Answer answer = g_purge_zeroes.load(std::memory_order_relaxed);
    return GRANARY_LIKELY(answer != Answer::unknown) ? answer == Answer::yes : find_purge_zeroes();
}

void trust_purges() noexcept { g_purge_zeroes.store(Answer::yes, std::memory_order_relaxed); }

const PageOps& kernel_pages() noexcept { return kKernelPages; }

}  // namespace granary::os
