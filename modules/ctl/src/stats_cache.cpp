// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// stats_cache.cpp — what stays of an arena that is destroyed: whatever only ever grows.
#include "stats_cache.hpp"

namespace granary::ctl {

void StatsCache::bury_locked(const core::HeapSnapshot& last) noexcept {
    destroyed_.dirty_purges += last.dirty_purges;
    destroyed_.dirty_madvises += last.dirty_madvises;
    destroyed_.dirty_purged += last.dirty_purged;
    destroyed_.muzzy_purges += last.muzzy_purges;
    destroyed_.muzzy_madvises += last.muzzy_madvises;
    destroyed_.muzzy_purged += last.muzzy_purged;
    destroyed_.page_lock.add(last.page_lock);
    destroyed_.inbox_lock.add(last.inbox_lock);
    for (size_t c = 0; c < last.bins.size(); ++c) {
        const core::BinSnapshot& from = last.bins[c];
        core::BinSnapshot& to = destroyed_.bins[c];
        to.runs_made += from.runs_made;
        to.regions_made += from.regions_made;
        // Destroying an arena takes back what was still out.
        to.regions_returned += from.regions_made;
        to.fills += from.fills;
        to.flushes += from.flushes;
        to.lock.add(from.lock);
    }
    for (size_t c = 0; c < last.large_classes.size(); ++c) {
        destroyed_.large_classes[c].made += last.large_classes[c].made;
        destroyed_.large_classes[c].freed += last.large_classes[c].made;
    }
}

}  // namespace granary::ctl
