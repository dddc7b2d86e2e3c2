// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// lifecycle.cpp — load, first call, fork and end of the process.
//
// Role        Supplies core::load_startup_options() from option text; the one constructor and the
//             one destructor of the libraries.
// Invariants  L1  nothing depends on the constructor having run: the first call starts the heap
//                 itself, so other constructors may allocate before.
//             L2  ctl's lock is taken before core's in fork(): handlers run in reverse order of
//                 registration before it, in order after it.
#include <granary/base/panic.hpp>
#include <granary/core/background.hpp>
#include <granary/core/lifecycle.hpp>
#include <granary/core/probe.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/ctl/ctl.hpp>
#include <granary/ctl/report.hpp>
#include <granary/os/thread.hpp>

#include "places.hpp"

namespace granary {
namespace {
/// Whether any place had option text.
constinit bool g_said_something = false;
}  // namespace

namespace core {

HeapOptions load_startup_options() noexcept {
    capi::redirect_messages();
    // PERF: most processes say nothing, and need none of the tables.
    g_said_something = capi::read_places();
    if (!g_said_something)
        return {};
    const ctl::Settings& settings = ctl::startup_settings();
    if (!settings.valid)
        base::panic("abort_conf:true and option text that is wrong, see the lines above");
    return ctl::heap_options(settings);
}

}  // namespace core

namespace capi {
namespace {

/// Before the constructors of the program and of libraries without a priority.
constexpr int kEarly = 101;

/// stats_interval: called by an allocation, without any lock.
void report_interval() noexcept {
    ctl::print_stats(nullptr, nullptr,
                     ctl::startup_settings().text(ctl::row("stats_interval_opts")));
}

[[gnu::constructor(kEarly)]] void start() noexcept {
    core::bootstrap();
    core::set_report_hook(report_interval);
    core::register_process_hooks();
    if (!os::register_fork_handlers(ctl::fork_prepare, ctl::fork_parent, ctl::fork_child)) {
        base::panic("out of memory for the fork handlers");
    }
}

/// After everything else of this process that runs at exit in an orderly way.
[[gnu::destructor(kEarly)]] void finish() noexcept {
    core::stop_background_threads();
    if (!g_said_something)
        return;
    const ctl::Settings& settings = ctl::startup_settings();
    if (settings.flag(ctl::row("stats_print")))
        ctl::print_stats(nullptr, nullptr, settings.text(ctl::row("stats_print_opts")));
}

}  // namespace
}  // namespace capi
}  // namespace granary
