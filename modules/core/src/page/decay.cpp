// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// decay.cpp — the curve, in 24-bit fixed point.
#include "page/decay.hpp"

#include <algorithm>

namespace granary::core {

namespace {

constexpr unsigned kFraction = 24;

/// Weight of pages that became unused i + 1 steps before the end of the curve (D1).
consteval std::array<uint32_t, Decay::kSteps> make_weights() {
    std::array<uint32_t, Decay::kSteps> weights{};
    for (size_t i = 0; i < weights.size(); ++i) {
        const double t = static_cast<double>(i + 1) / static_cast<double>(Decay::kSteps);
        const double h = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
        weights[i] = static_cast<uint32_t>(h * static_cast<double>(1U << kFraction));
    }
    return weights;
}
constexpr std::array<uint32_t, Decay::kSteps> kWeights = make_weights();

}  // namespace

void Decay::set_time(int64_t milliseconds, uint64_t now_ns) noexcept {
    milliseconds_ = milliseconds;
    epoch_ns_ = milliseconds > 0 ? std::max<uint64_t>(
                                       static_cast<uint64_t>(milliseconds) * 1'000'000 / kSteps, 1)
                                 : 0;
    epoch_start_ = now_ns;
    previous_unused_ = 0;
    backlog_ = {};
}

size_t Decay::limit(uint64_t now_ns, size_t unused, size_t granule) noexcept {
    auto rounded = [&](size_t pages) {
        return std::min((pages + granule - 1) / granule * granule, unused);
    };
    if (milliseconds_ < 0)
        return unused;
    if (milliseconds_ == 0)
        return 0;
    const size_t fresh = unused > previous_unused_ ? unused - previous_unused_ : 0;
    const uint64_t elapsed = now_ns > epoch_start_ ? (now_ns - epoch_start_) / epoch_ns_ : 0;
    if (elapsed == 0)
        return rounded(kept_by_backlog() + fresh);
    const size_t shift = elapsed >= kSteps ? kSteps : static_cast<size_t>(elapsed);
    std::copy(backlog_.begin() + static_cast<ptrdiff_t>(shift), backlog_.end(), backlog_.begin());
    std::fill(backlog_.end() - static_cast<ptrdiff_t>(shift), backlog_.end(), 0U);
    // What appeared since the last call dates from then, even if the process slept in between (D3).
    if (shift < kSteps)
        backlog_[kSteps - shift] = static_cast<uint32_t>(std::min<size_t>(fresh, UINT32_MAX));
    epoch_start_ += elapsed * epoch_ns_;
    previous_unused_ = rounded(kept_by_backlog());
    return previous_unused_;
}

size_t Decay::kept_by_backlog() const noexcept {
    uint64_t sum = 0;
    for (size_t i = 0; i < kSteps; ++i) sum += uint64_t{backlog_[i]} * kWeights[i];
    return static_cast<size_t>(sum >> kFraction);
}

}  // namespace granary::core
