// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_table.hpp — widths and rows that several tables of the text form share.
#pragma once

#include "lock_names.hpp"
#include "report_output.hpp"

namespace granary::ctl {

inline constexpr size_t kWide = 14;
inline constexpr size_t kNarrow = 9;
inline constexpr size_t kLockName = 18;

inline void print_lock_header(ReportOutput& out, std::string_view title) noexcept {
    out.text(title);
    for (size_t i = title.size(); i < kLockName; ++i) out.text(" ");
    out.column("n_lock_ops", kWide).column("n_waiting", kWide).column("n_spin_acq", kWide);
    out.column("n_owner_switch", kWide + 2);
    out.column("total_wait_ns", kWide).column("max_wait_ns", kWide).column("max_n_thds", 11);
    out.text("\n");
}

inline void print_lock_row(ReportOutput& out, std::string_view name,
                           const core::LockSnapshot& lock) noexcept {
    out.text(name);
    for (size_t i = name.size(); i < kLockName; ++i) out.text(" ");
    out.column(lock.acquired, kWide).column(lock.waited, kWide).column(lock.spun, kWide);
    out.column(lock.owner_switches(), kWide + 2);
    out.column(lock.total_wait_ns, kWide).column(lock.longest_wait_ns, kWide);
    out.column(uint64_t{lock.most_waiting}, 11).text("\n");
}

/// Says that classes without anything to show were left out, once per row of them.
class Gap {
public:
    explicit Gap(ReportOutput& out) noexcept : out_(out) {}
    ~Gap() { close(); }
    Gap(const Gap&) = delete;
    Gap& operator=(const Gap&) = delete;

    void skip() noexcept { open_ = true; }
    void close() noexcept {
        if (open_)
            out_.text("                     ---\n");
        open_ = false;
    }

private:
    ReportOutput& out_;
    bool open_ = false;
};

}  // namespace granary::ctl
