// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// page_floor.hpp — everything below page/ and arena/, over fake pages.
#pragma once

#include <granary/base/bits.hpp>

#include "arena/magazine.hpp"
#include "meta/metadata_heap.hpp"
#include "meta/page_map.hpp"
#include "page/chunk_source.hpp"
#include "support/fake_pages.hpp"

namespace granary::core::tests {

/// Members are public: a test fixture takes what it needs. Nothing decays unless asked to.
struct PageFloor {
    PageFloor() {
        metadata.bind(fake.ops());
        source.bind(fake.ops(), metadata, page_map);
        source.set_decay(-1, 0, 0);
    }

    /// The page map is the process's: the next floor must not find this one's traces in it.
    ~PageFloor() {
        fake.for_each_range([](uintptr_t first, size_t size) {
            const uintptr_t end = base::align_down(first + size, kChunkSize);
            for (uintptr_t chunk = base::align_up(first, kChunkSize); chunk < end;
                 chunk += kChunkSize) {
                const auto& leaf = detail::g_page_map_root[chunk >> detail::kLeafShift];
                if (leaf.load(std::memory_order_relaxed) == 0)
                    continue;
                PageMap::set_chunk(chunk, {}, nullptr);
                PageMap::clear_entries(chunk, kChunkPages);
            }
        });
    }
    PageFloor(const PageFloor&) = delete;
    PageFloor& operator=(const PageFloor&) = delete;

    FakePages fake;
    MetadataHeap metadata;
    PageMap page_map;
    ChunkSource source;
    MagazinePool magazines;
};

/// Owner ids in the page map of arenas that tests make themselves; far from the heap's own.
inline constexpr uint32_t kTestArena = 1000;

}  // namespace granary::core::tests
