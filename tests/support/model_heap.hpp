// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// model_heap.hpp — what one thread believes about the regions that it owns.
//
// Role        The oracle of the model test: an ordered map of live [address, address + usable)
//             with the requested size and the stamp that the region's bytes must carry.
// Invariants  M1  no two regions of a ModelHeap overlap (checked on every add).
//             M2  a region's stamped bytes hold what stamp() wrote until it is removed.
//             M3  live_bytes() is the sum of the usable sizes.
// Locking     None: one thread at a time. Regions move between heaps as map entries.
// Cost        add, remove: O(log live). stamp, check: at most 18 words whatever the size.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "rng.hpp"

namespace granary::tests {

/// Says what diverged from the model and aborts; the driver turns that into a shrunk program.
[[noreturn, gnu::format(printf, 1, 2)]] inline void diverged(const char* format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    std::fprintf(stderr, "model: %s\n", text);
    std::fflush(stderr);
    std::abort();
}

/// Where a region came from: this says which sized free is right for it.
enum class Origin : uint8_t { kPlain, kAligned, kPages, kFlags };

/// One live region.
struct Region {
    uintptr_t address = 0;
    size_t requested = 0;
    size_t usable = 0;
    size_t alignment = 0;  ///< asked for; 0 if the call has no such operand
    uint64_t stamp = 0;
    Origin origin = Origin::kPlain;

    [[nodiscard]] unsigned char* bytes() const {
        return reinterpret_cast<unsigned char*>(address);  // SAFETY: came from the allocator.
    }
    [[nodiscard]] void* pointer() const { return bytes(); }
};

/// Calls `visit(offset, length)` for the stamped places of `usable` bytes: the first word,
/// the last one, and at most 16 between. Offsets depend on `usable` alone.
template <typename Visit>
void for_each_stamped_place(size_t usable, Visit visit) {
    constexpr size_t kWord = sizeof(uint64_t);
    if (usable < 2 * kWord) {
        if (usable > 0)
            visit(size_t{0}, usable < kWord ? usable : kWord);
        if (usable > kWord)
            visit(kWord, usable - kWord);
        return;
    }
    const size_t stride = usable <= 16 * 1024 ? 1024 : (usable / 16) & ~(kWord - 1);
    for (size_t offset = 0; offset + kWord <= usable - kWord; offset += stride)
        visit(offset, kWord);
    visit(usable - kWord, kWord);
}

/// Writes the region's stamp into its stamped places.
inline void write_stamp(const Region& region) {
    for_each_stamped_place(region.usable, [&](size_t offset, size_t length) {
        const uint64_t value = mix(region.stamp + offset);
        std::memcpy(region.bytes() + offset, &value, length);
    });
}

/// Verifies the stamp that `written` got, at `bytes`, as far as the first `limit` bytes reach.
inline void check_stamp(const Region& written, const unsigned char* bytes, size_t limit,
                        const char* when) {
    for_each_stamped_place(written.usable, [&](size_t offset, size_t length) {
        if (offset + length > limit)
            return;
        const uint64_t value = mix(written.stamp + offset);
        if (std::memcmp(bytes + offset, &value, length) != 0) {
            diverged("%s: bytes %zu..%zu of the region at %p (requested %zu, usable %zu) changed",
                     when, offset, offset + length, static_cast<const void*>(bytes),
                     written.requested, written.usable);
        }
    });
}

/// The live regions of one owner.
class ModelHeap {
public:
    using Regions = std::map<uintptr_t, Region>;
    using Place = Regions::iterator;
    using Entry = Regions::node_type;

    /// Enters a new region and stamps it.
    Place add(const Region& region) {
        const Place place = enter(Regions::value_type(region.address, region));
        write_stamp(region);
        return place;
    }

    /// Verifies the stamp and forgets the region, which the caller is about to free.
    Region remove(Place place) {
        const Region region = place->second;
        check_stamp(region, region.bytes(), region.usable, "before free");
        forget(place);
        return region;
    }

    /// Forgets a region without looking at its bytes (realloc did that).
    void forget(Place place) {
        live_bytes_ -= place->second.usable;
        regions_.erase(place);
    }

    /// Hands a region over to another owner.
    Entry give(Place place) {
        live_bytes_ -= place->second.usable;
        return regions_.extract(place);
    }

    /// Takes a region over; its stamp stays.
    Place take(Entry entry) {
        const Region& region = entry.mapped();
        check_neighbours(region);
        live_bytes_ += region.usable;
        return regions_.insert(std::move(entry)).position;
    }

    [[nodiscard]] const Regions& regions() const { return regions_; }
    /// The place of no region; stable for the heap's life.
    [[nodiscard]] Place nowhere() { return regions_.end(); }
    [[nodiscard]] size_t live_bytes() const { return live_bytes_; }

private:
    Place enter(const Regions::value_type& value) {
        check_neighbours(value.second);
        live_bytes_ += value.second.usable;
        return regions_.insert(value).first;
    }

    void check_neighbours(const Region& region) const {  // M1
        const auto next = regions_.lower_bound(region.address);
        if (next != regions_.end() && region.address + region.usable > next->first) {
            report_overlap(region, next->second);
        }
        if (next == regions_.begin())
            return;
        const Region& previous = std::prev(next)->second;
        if (previous.address + previous.usable > region.address)
            report_overlap(region, previous);
    }

    [[noreturn]] static void report_overlap(const Region& fresh, const Region& live) {
        diverged("[%p, +%zu) was handed out while [%p, +%zu) is live", fresh.pointer(),
                 fresh.usable, live.pointer(), live.usable);
    }

    Regions regions_;
    size_t live_bytes_ = 0;
};

}  // namespace granary::tests
