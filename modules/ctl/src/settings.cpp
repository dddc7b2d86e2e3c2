// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// settings.cpp — this process's settings, and what the heap takes from them.
//
// Locking     load_settings() runs once, before the heap does; everything after it only reads.
#include <array>
#include <cstddef>
#include <new>

#include <granary/base/fixed_string.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/os/io.hpp>

namespace granary::ctl {
namespace {

constexpr size_t kPlaces = 5;

/// Of a process that says nothing.
constexpr Settings kDefaults{};
/// Of one that says something. PERF: zero in the file, so that others need no page for it.
alignas(Settings) constinit std::array<std::byte, sizeof(Settings)> g_settings{};
constinit const Settings* g_loaded = nullptr;

struct StartupText {
    base::FixedString<1023> text;
    bool is_there = false;
};
constinit std::array<StartupText, kPlaces> g_texts{};

void write_line(void* /*self*/, Severity /*severity*/, std::string_view text) noexcept {
    base::FixedString<400> line("<granary>: ");
    line.append(text).append('\n');
    os::write_stderr(line.view());
}

/// What a word of `junk` asks for.
void set_junk(core::HeapOptions& heap, std::string_view word) noexcept {
    heap.junk_allocated = word == "true" || word == "alloc";
    heap.junk_freed = word == "true" || word == "free";
}

core::ZeroRealloc zero_realloc_of(std::string_view word) noexcept {
    if (word == "alloc")
        return core::ZeroRealloc::allocate;
    return word == "abort" ? core::ZeroRealloc::abort : core::ZeroRealloc::free;
}

core::HugePages huge_pages_of(std::string_view word) noexcept {
    if (word == "adaptive")
        return core::HugePages::adaptive;
    if (word == "always")
        return core::HugePages::always;
    if (word == "auto")
        return core::HugePages::later;
    return word == "never" ? core::HugePages::never : core::HugePages::as_is;
}

}  // namespace

core::HeapOptions heap_options(const Settings& settings) noexcept {
    core::HeapOptions heap;
    heap.dirty_decay_ms = settings.signed_number(row("dirty_decay_ms"));
    heap.muzzy_decay_ms = settings.signed_number(row("muzzy_decay_ms"));
    heap.arena_limit = static_cast<uint32_t>(settings.number(row("narenas")));
    heap.arenas_per_cpu_16 = static_cast<uint32_t>(settings.number(row("narenas_ratio")));
    heap.thread_cache = settings.flag(row("tcache"));
    heap.thread_cache_max = settings.number(row("tcache_max"));
    heap.background_thread = settings.flag(row("background_thread"));
    heap.background_threads = static_cast<uint32_t>(settings.number(row("max_background_threads")));
    heap.retain = settings.flag(row("retain"));
    heap.trust_purges = settings.flag(row("trust_madvise"));
    heap.purge_freed_from = settings.number(row("oversize_threshold"));
    // No block is as large as jemalloc's largest class, its way to say never.
    if (settings.number(row("calloc_madvise_threshold")) != kLargestClass)
        heap.purge_to_zero_from = settings.number(row("calloc_madvise_threshold"));
    heap.lock_spins = settings.signed_number(row("mutex_max_spin"));
    heap.huge_pages = huge_pages_of(settings.word(row("thp")));
    heap.metadata_huge_pages = huge_pages_of(settings.word(row("metadata_thp")));
    set_junk(heap, settings.word(row("junk")));
    heap.zero_allocated = settings.flag(row("zero"));
    heap.zero_realloc = zero_realloc_of(settings.word(row("zero_realloc")));
    heap.report_interval = settings.signed_number(row("stats_interval"));
    heap.abort_on_warning = settings.flag(row("abort"));
    heap.valid = settings.valid;
    return heap;
}

Diagnostics stderr_diagnostics() noexcept { return {&write_line, nullptr}; }

const Settings& load_settings(std::span<const ConfSource> sources,
                              const Diagnostics& diagnostics) noexcept {
    auto* const settings = ::new (g_settings.data()) Settings();
    read_conf(sources, *settings, diagnostics);
    for (const ConfSource& source : sources) {
        if (source.text == nullptr)
            continue;
        StartupText& kept = g_texts[static_cast<size_t>(source.place)];
        kept.text.clear();
        kept.text.append(source.text);
        kept.is_there = true;
    }
    g_loaded = settings;
    return *settings;
}

const Settings& startup_settings() noexcept {
    return g_loaded != nullptr ? *g_loaded : kDefaults;
}

const char* startup_text(ConfPlace place) noexcept {
    const StartupText& kept = g_texts[static_cast<size_t>(place)];
    return kept.is_there ? kept.text.c_str() : nullptr;
}

}  // namespace granary::ctl
