// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// override_glibc.cpp — glibc's questions about its own heap, answered for granary.
//
// Role        mallopt, mallinfo, mallinfo2, malloc_stats and
//             malloc_info of libgranary_malloc. Without them glibc would answer for an empty heap.
// Meaning     of the fields of mallinfo2, so that glibc's own sums hold:
//               arena     bytes of pages below huge size, in use or kept in memory
//               uordblks  usable bytes of live regions below huge size
//               fordblks  arena - uordblks: cached, dirty, and lost to rounding
//               hblks     live huge blocks;  hblkhd  their bytes
//               fsmblks   bytes in thread caches;  keepcost  bytes that malloc_trim() would give
//                         back at once;  ordblks, smblks, usmblks  0
//             In-use memory is uordblks + hblkhd. mallinfo is the same, stopped at INT_MAX.
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string_view>

#include <malloc.h>

#include <granary/base/attributes.hpp>
#include <granary/base/fixed_string.hpp>
#include <granary/core/control.hpp>
#include <granary/core/lifecycle.hpp>
#include <granary/core/snapshot.hpp>
#include <granary/ctl/report.hpp>

namespace {

using granary::core::HeapSnapshot;

int clamp_to_int(size_t value) noexcept {
    return value > INT_MAX ? INT_MAX : static_cast<int>(value);
}

struct mallinfo2 read_heap() noexcept {
    granary::core::bootstrap();
    HeapSnapshot heap;
    granary::core::take_snapshot(heap);
    struct mallinfo2 info = {};
    const size_t below_huge = heap.active - heap.huge_allocated + heap.dirty;
    info.arena = below_huge;
    info.uordblks = heap.small_allocated + heap.large_allocated;
    info.fordblks = info.arena - info.uordblks;
    info.hblks = heap.huge_live;
    info.hblkhd = heap.huge_allocated;
    info.fsmblks = heap.cached;
    info.keepcost = heap.dirty;
    return info;
}

/// Text for a FILE. stdio may allocate its buffer while it takes this, so no lock is held.
class XmlWriter {
public:
    explicit XmlWriter(FILE* stream) noexcept : stream_(stream) {}

    void text(std::string_view piece) noexcept {
        failed_ = failed_ || std::fwrite(piece.data(), 1, piece.size(), stream_) != piece.size();
    }

    void element(std::string_view name, std::string_view type, size_t count, size_t size) noexcept {
        granary::base::FixedString<160> line("  <");
        line.append(name).append(" type=\"").append(type).append("\" count=\"");
        line.append_decimal(count).append("\" size=\"").append_decimal(size).append("\"/>\n");
        text(line.view());
    }

    void bin(size_t size, const granary::core::BinSnapshot& bin) noexcept {
        granary::base::FixedString<200> line("    <size bytes=\"");
        line.append_decimal(size).append("\" live=\"").append_decimal(bin.live_regions);
        line.append("\" cached=\"").append_decimal(bin.cached_regions).append("\" runs=\"");
        line.append_decimal(bin.runs).append("\"/>\n");
        text(line.view());
    }

    [[nodiscard]] bool failed() const noexcept { return failed_; }

private:
    FILE* stream_;
    bool failed_ = false;
};

size_t live_small_regions(const HeapSnapshot& heap) noexcept {
    size_t count = 0;
    for (const auto& bin : heap.bins) count += bin.live_regions;
    return count;
}

void write_xml(XmlWriter& xml, const HeapSnapshot& heap) noexcept {
    xml.text("<malloc version=\"granary-1\">\n  <sizes>\n");
    for (size_t i = 0; i < heap.bins.size(); ++i) {
        if (heap.bins[i].runs > 0)
            xml.bin(granary::core::kSizeClasses[i].size, heap.bins[i]);
    }
    xml.text("  </sizes>\n");
    xml.element("total", "small", live_small_regions(heap), heap.small_allocated);
    xml.element("total", "large", heap.large_live, heap.large_allocated);
    xml.element("total", "huge", heap.huge_live, heap.huge_allocated);
    xml.element("system", "active", heap.arenas, heap.active);
    xml.element("system", "dirty", heap.arenas, heap.dirty);
    xml.element("system", "resident", heap.arenas, heap.resident);
    xml.element("system", "mapped", heap.arenas, heap.mapped);
    xml.element("system", "retained", heap.arenas, heap.retained);
    xml.text("</malloc>\n");
}

}  // namespace

extern "C" {

/// 1 for the parameters that are hints about speed and footprint, all of which granary finds out
/// by itself; 0 for those that promise a behaviour it does not have, and for unknown ones.
GRANARY_EXPORT int mallopt(int parameter, int /*value*/) noexcept {
    switch (parameter) {
        case M_MXFAST:
        case M_TRIM_THRESHOLD:
        case M_TOP_PAD:
        case M_MMAP_THRESHOLD:
        case M_MMAP_MAX:
        case M_ARENA_TEST:
        case M_ARENA_MAX:
            return 1;
        default:
            return 0;
    }
}

GRANARY_EXPORT struct mallinfo2 mallinfo2() noexcept { return read_heap(); }

GRANARY_EXPORT struct mallinfo mallinfo() noexcept {
    const struct mallinfo2 wide = read_heap();
    struct mallinfo info = {};
    info.arena = clamp_to_int(wide.arena);
    info.hblks = clamp_to_int(wide.hblks);
    info.hblkhd = clamp_to_int(wide.hblkhd);
    info.fsmblks = clamp_to_int(wide.fsmblks);
    info.uordblks = clamp_to_int(wide.uordblks);
    info.fordblks = clamp_to_int(wide.fordblks);
    info.keepcost = clamp_to_int(wide.keepcost);
    return info;
}

GRANARY_EXPORT void malloc_stats() noexcept {
    granary::ctl::print_stats(nullptr, nullptr, nullptr);
}

GRANARY_EXPORT int malloc_info(int options, FILE* stream) noexcept {
    if (options != 0)
        return EINVAL;
    granary::core::bootstrap();
    HeapSnapshot heap;
    granary::core::take_snapshot(heap);
    XmlWriter xml(stream);
    write_xml(xml, heap);
    return xml.failed() ? -1 : 0;
}

}  // extern "C"
