// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// metadata_heap.cpp — see the header.
#include "meta/metadata_heap.hpp"

#include <granary/base/bits.hpp>

namespace granary::core {

namespace {
constexpr size_t kLargestBlock = 2 * 1024 * 1024;
}  // namespace

void* MetadataHeap::allocate(size_t size, size_t alignment) noexcept {
    ScopedLock lock(mutex_);
    uintptr_t start = base::align_up(cursor_, alignment);
    if (cursor_ == 0 || start + size > end_) {
        const size_t page = os::page_size();
        size_t block = base::align_up(next_block_ < size ? size : next_block_, page);
        void* memory = ops_->map(ops_->self, block);
        if (memory == nullptr) {  // little is left: ask for no more than is needed
            block = base::align_up(size, page);
            memory = ops_->map(ops_->self, block);
            if (memory == nullptr) {
                refused_.store(true, std::memory_order_relaxed);
                return nullptr;
            }
        }
        hint(memory, block);
        start = base::address_of(memory);
        // The kernel often places the new block right below the old one; the rest of the old is
        // given up: at most one object's length.
        end_ = start + block;
        if (next_block_ < kLargestBlock)
            next_block_ *= 2;
    }
    cursor_ = start + size;
    used_ += size;
    return base::pointer_at(start);
}

void* MetadataHeap::map(size_t size) noexcept {
    void* memory = ops_->map(ops_->self, size);
    if (memory == nullptr) {
        refused_.store(true, std::memory_order_relaxed);
    } else {
        hint(memory, base::align_up(size, os::page_size()));
    }
    return memory;
}

void MetadataHeap::hint(void* block, size_t size) noexcept {
    if (huge_pages_ == HugePages::as_is)
        return;
    // A small program has small blocks only.
    if (huge_pages_ == HugePages::later && size < kLargestBlock)
        return;
    static_cast<void>(ops_->hint_huge(ops_->self, block, size, huge_pages_ != HugePages::never));
}

size_t MetadataHeap::bytes_taken() noexcept {
    ScopedLock lock(mutex_);
    return used_;
}

}  // namespace granary::core
