// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// option_table.hpp — every option: its values, its bounds, its default, and what it does here.
//
// Role        The one list. The parser, the opt.* nodes and docs/options.md come from it. A new
//             option is one row; one that works is read in settings.cpp or by whoever acts on it.
//             Written as text and pointers, and packed at compile time (packed_text.hpp).
// Invariants  O3  names are unique; a preset lies within its bounds (static_assert below).
// Source      jemalloc 5.3.1's manual and option reader: names, types, bounds.
#pragma once

#include <climits>

#include <granary/ctl/options.hpp>
#include <granary/ctl/packed_text.hpp>

namespace granary::ctl {

namespace option_rows {

using enum Effect;

inline constexpr uint64_t kAny = UINT64_MAX;
inline constexpr uint64_t kAnySigned = INT64_MAX;
inline constexpr uint64_t kMinusOne = UINT64_MAX;  ///< as a preset of a signed row
inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kHugePage = 2 * 1024 * 1024;

inline constexpr const char* kJunk[] = {"false", "true", "alloc", "free"};
inline constexpr const char* kZeroRealloc[] = {"free", "alloc", "abort"};
inline constexpr const char* kThp[] = {"adaptive", "default", "always", "never"};
inline constexpr const char* kMetadataThp[] = {"disabled", "auto", "always"};
inline constexpr const char* kPercpu[] = {"disabled", "percpu", "phycpu"};
inline constexpr const char* kDss[] = {"disabled", "primary", "secondary"};
inline constexpr const char* kHugify[] = {"lazy", "auto", "none", "eager"};
inline constexpr const char* kTimeResolution[] = {"default", "high"};

consteval OptionEntry flag(std::string_view name, Effect effect, bool preset, std::string_view doc) {
    return {.name = name, .shape = {.effect = effect, .preset = preset ? 1U : 0U}, .doc = doc};
}

struct Bounds {
    int64_t least = 0;
    uint64_t most = kAny;
    bool clips = false;
};

consteval OptionEntry number(std::string_view name, OptionKind kind, Effect effect, uint64_t preset,
                             Bounds bounds, std::string_view doc) {
    return {.name = name,
            .shape = {.kind = kind,
                      .effect = effect,
                      .clips = bounds.clips,
                      .preset = preset,
                      .least = bounds.least,
                      .most = bounds.most},
            .doc = doc};
}

consteval OptionEntry words(std::string_view name, Effect effect, std::span<const char* const> list,
                            std::string_view doc) {
    return {.name = name,
            .shape = {.kind = OptionKind::word, .effect = effect},
            .words = list,
            .doc = doc};
}

consteval OptionEntry text(std::string_view name, OptionKind kind, Effect effect,
                           std::string_view doc) {
    return {.name = name, .shape = {.kind = kind, .effect = effect}, .doc = doc};
}

/// Adds a word that stands for a number.
consteval OptionEntry with_word(OptionEntry row, std::string_view word, uint64_t value) {
    row.word = word;
    row.shape.word_value = value;
    return row;
}

/// Takes the opt.<name> away: jemalloc has none either.
consteval OptionEntry nodeless(OptionEntry row) {
    row.shape.has_node = false;
    return row;
}

inline constexpr auto kUint = OptionKind::uint;
inline constexpr auto kSize = OptionKind::size;
inline constexpr auto kSsize = OptionKind::ssize;
inline constexpr auto kI64 = OptionKind::i64;
inline constexpr auto kU64 = OptionKind::u64;
inline constexpr auto kFixed = OptionKind::fixed;

// Sentences that several rows share.
inline constexpr std::string_view kMagazines = "caches are magazines, sized by use";
inline constexpr std::string_view kHpa = "of jemalloc's huge-page allocator";
inline constexpr std::string_view kProf = "of the heap profiler";

// clang-format off
inline constexpr std::array kEntries = [] {
    return std::to_array<OptionEntry>({
    // Errors and messages
    flag("abort", works, false, "warnings at run time end the program"),
    flag("abort_conf", works, false, "abort at start if any option text was wrong"),
    flag("confirm_conf", works, false, "print every setting that is read"),
    flag("xmalloc", works, false, "running out of memory ends the program with a line"),
    flag("experimental_infallible_new", works, false, "so it does in operator new, instead of an exception"),
    // Arenas and threads
    with_word(number("narenas", kUint, works, 0, {1, UINT_MAX},
        "most automatic arenas; default derives it from the usable CPUs; 4094 at most"), "default", 0),
    nodeless(number("narenas_ratio", kFixed, works, 4 << 16, {0, UINT_MAX},
        "arenas per usable CPU where narenas is default")),
    words("percpu_arena", elsewhere, kPercpu, "threads have arenas of their own"),
    flag("tcache", works, true, "false sends every call to the arenas' locked paths"),
    number("tcache_max", kSize, works, 32768, {0, 32768, true}, "largest size that threads cache, bytes"),
    nodeless(number("lg_tcache_max", kSize, works, 15, {0, 15, true}, "tcache_max, as a power of two")),
    number("mutex_max_spin", kI64, works, 100, {-1, kAnySigned}, "tries before a lock sleeps; -1 never sleeps"),
    // Giving memory back
    number("dirty_decay_ms", kSsize, works, 10000, {-1, kMaxDecayMs},
        "ms over which unused dirty pages are given back; 0 at once, -1 never"),
    number("muzzy_decay_ms", kSsize, works, 0, {-1, kMaxDecayMs},
        "the same for lazily purged pages; 0 skips that state"),
    flag("background_thread", works, false, "a thread that gives unused pages back while the program idles"),
    number("max_background_threads", kSize, works, 4, {1, 32, true}, "most such threads; they share the arenas"),
    flag("retain", works, true, "false gives unused address space back too, not only the pages"),
    number("oversize_threshold", kSize, works, 0, {0, kLargestClass},
        "freed blocks from this size on are given back at once (from 1 MiB on); 0 never"),
    nodeless(number("calloc_madvise_threshold", kSize, works, kLargestClass, {0, kLargestClass},
        "calloc from this size on asks the kernel for zeros instead of writing them (from 1 MiB on)")),
    flag("trust_madvise", works, false, "do not try out at start whether purged pages read zero"),
    // Huge pages
    words("thp", works, kThp,
        "transparent huge pages: where memory is sure to be written, as the system does, in all memory, or none"),
    words("metadata_thp", works, kMetadataThp, "the same for descriptors; auto spares small programs"),
    // Filling
    words("junk", works, kJunk, "fills allocated memory with 0xa5, freed memory with 0x5a"),
    flag("zero", works, false, "fills allocated memory with zeros; wins over junk"),
    words("zero_realloc", works, kZeroRealloc, "what realloc(p, 0) does for p that is not null"),
    // Statistics
    flag("stats_print", works, false, "a statistics report to stderr at exit"),
    text("stats_print_opts", OptionKind::letters, works, "the letters for it, see malloc_stats_print"),
    number("stats_interval", kI64, works, kMinusOne, {-1, kAnySigned},
        "a report after every so many allocated bytes; -1 never"),
    text("stats_interval_opts", OptionKind::letters, works, "the letters for it"),

    // What granary does in other ways
    flag("cache_oblivious", elsewhere, false, "large regions start on pages"),
    words("dss", elsewhere, kDss, "the break is left to others; memory is mapped"),
    number("lg_extent_max_active_fit", kSize, elsewhere, 6, {0, 64}, "free pages have no extents to be split"),
    flag("huge_arena_pac_thp", elsewhere, false, "there is no arena for huge blocks"),
    number("process_madvise_max_batch", kSize, elsewhere, 0, {0, 16, true}, "purges are one call per range"),
    nodeless(text("bin_shards", OptionKind::ranges, elsewhere, "bins belong to threads' arenas")),
    nodeless(text("slab_sizes", OptionKind::ranges, elsewhere, "runs have the sizes of the class table")),
    flag("disable_large_size_classes", elsewhere, true, "large sizes are whole pages always"),
    number("debug_double_free_max_scan", kUint, elsewhere, 0, {0, UINT_MAX},
        "double frees are found without scanning"),
    nodeless(number("san_guard_small", kSize, elsewhere, 0, {}, "guard pages: there are none yet")),
    nodeless(number("san_guard_large", kSize, elsewhere, 0, {}, "guard pages: there are none yet")),
    flag("experimental_tcache_gc", elsewhere, true, "caches age by the clock"),
    number("tcache_nslots_small_min", kUint, elsewhere, 20, {1, 2048, true}, kMagazines),
    number("tcache_nslots_small_max", kUint, elsewhere, 200, {1, 2048, true}, kMagazines),
    number("tcache_nslots_large", kUint, elsewhere, 20, {1, 2048, true}, kMagazines),
    number("lg_tcache_nslots_mul", kSsize, elsewhere, 1, {-16, 16}, kMagazines),
    number("tcache_gc_incr_bytes", kSize, elsewhere, 65536, {1024, kAny, true}, "caches age by the clock"),
    number("tcache_gc_delay_bytes", kSize, elsewhere, 0, {}, "caches age by the clock"),
    number("lg_tcache_flush_small_div", kUint, elsewhere, 1, {1, 16, true}, "magazines move whole"),
    number("lg_tcache_flush_large_div", kUint, elsewhere, 1, {1, 16, true}, "magazines move whole"),
    nodeless(text("tcache_ncached_max", OptionKind::ranges, elsewhere, kMagazines)),
    flag("hpa", elsewhere, false, "chunks are huge pages"),
    number("hpa_slab_max_alloc", kSize, elsewhere, 65536, {kPageBytes, kHugePage, true}, kHpa),
    number("hpa_hugification_threshold", kSize, elsewhere, 1992294, {kPageBytes, kHugePage, true}, kHpa),
    nodeless(number("hpa_hugification_threshold_ratio", kFixed, elsewhere, 62259, {0, 65536}, kHpa)),
    number("hpa_hugify_delay_ms", kU64, elsewhere, 10000, {}, kHpa),
    flag("hpa_hugify_sync", elsewhere, false, kHpa),
    number("hpa_min_purge_interval_ms", kU64, elsewhere, 5000, {}, kHpa),
    number("experimental_hpa_max_purge_nhp", kSsize, elsewhere, kMinusOne, {-1, kAnySigned}, kHpa),
    with_word(number("hpa_dirty_mult", kFixed, elsewhere, 16384, {0, UINT_MAX}, kHpa), "-1", UINT_MAX),
    number("hpa_purge_threshold", kSize, elsewhere, kPageBytes, {kPageBytes, kHugePage, true}, kHpa),
    nodeless(number("hpa_purge_threshold_ratio", kFixed, elsewhere, 128, {0, 65536}, kHpa)),
    number("hpa_min_purge_delay_ms", kU64, elsewhere, 0, {}, kHpa),
    words("hpa_hugify_style", elsewhere, kHugify, kHpa),
    number("hpa_sec_nshards", kSize, elsewhere, 2, {}, kHpa),
    number("hpa_sec_max_alloc", kSize, elsewhere, 32768, {kPageBytes, 1048576, true}, kHpa),
    number("hpa_sec_max_bytes", kSize, elsewhere, 262144, {262144, kAny, true}, kHpa),
    nodeless(number("hpa_sec_bytes_after_flush", kSize, elsewhere, 0, {}, kHpa)),
    nodeless(number("hpa_sec_batch_fill_extra", kSize, elsewhere, 0, {}, kHpa)),
    flag("experimental_hpa_start_huge_if_thp_always", elsewhere, true, kHpa),
    flag("experimental_hpa_enforce_hugify", elsewhere, false, kHpa),

    // What this build does not have
    flag("utrace", absent, false, "utrace(2) is not a call of Linux"),
    number("lg_san_uaf_align", kSsize, absent, kMinusOne, {-1, 63}, "detection of writes after free"),
    nodeless(text("log", OptionKind::text, absent, "a log for granary's authors")),
    flag("prof", absent, false, "the heap profiler"),
    text("prof_prefix", OptionKind::text, absent, kProf),
    flag("prof_active", absent, true, kProf),
    flag("prof_thread_active_init", absent, true, kProf),
    number("lg_prof_sample", kSize, absent, 19, {0, 63, true}, kProf),
    number("lg_prof_interval", kSsize, absent, kMinusOne, {-1, 63}, kProf),
    flag("prof_accum", absent, false, kProf),
    number("prof_bt_max", kUint, absent, 128, {1, 1024, true}, kProf),
    flag("prof_gdump", absent, false, kProf),
    flag("prof_final", absent, false, kProf),
    flag("prof_leak", absent, false, kProf),
    flag("prof_leak_error", absent, false, kProf),
    nodeless(flag("prof_log", absent, false, kProf)),
    flag("prof_pid_namespace", absent, false, kProf),
    number("prof_recent_alloc_max", kSsize, absent, 0, {-1, kAnySigned}, kProf),
    flag("prof_stats", absent, false, kProf),
    flag("prof_sys_thread_name", absent, false, kProf),
    words("prof_time_resolution", absent, kTimeResolution, kProf),
    nodeless(flag("prof_unbias", absent, true, kProf)),
    });
}();
// clang-format on

consteval size_t text_room() {
    size_t room = 0;
    for (const OptionEntry& entry : kEntries) {
        room += room_for(entry.name) + room_for(entry.doc) + room_for(entry.word);
        for (const char* word : entry.words) room += room_for(word);
    }
    return room;
}

inline constexpr size_t kMostWords = 4;

/// An option's texts by place.
struct OptionTexts {
    TextPlace name;
    TextPlace doc;
    TextPlace word;
    std::array<TextPlace, kMostWords> words{};
    size_t word_count = 0;
};

struct PackedOptions {
    PackedText<text_room()> block;
    std::array<OptionTexts, kEntries.size()> texts{};
};

consteval PackedOptions pack() {
    PackedOptions packed;
    for (size_t i = 0; i < kEntries.size(); ++i) {
        const OptionEntry& entry = kEntries[i];
        OptionTexts& texts = packed.texts[i];
        texts.name = packed.block.add(entry.name);
        texts.doc = packed.block.add(entry.doc);
        texts.word = packed.block.add(entry.word);
        for (const char* word : entry.words)
            texts.words[texts.word_count++] = packed.block.add(word);
    }
    return packed;
}

inline constexpr auto kBlock = pack().block;

}  // namespace option_rows

/// One row of the option table.
struct OptionInfo : OptionShape {
    option_rows::OptionTexts texts;

    [[nodiscard]] constexpr std::string_view name() const noexcept {
        return option_rows::kBlock.text(texts.name);
    }
    [[nodiscard]] constexpr std::string_view doc() const noexcept {
        return option_rows::kBlock.text(texts.doc);
    }
    /// A word that stands for a number; empty if there is none.
    [[nodiscard]] constexpr std::string_view word() const noexcept {
        return option_rows::kBlock.text(texts.word);
    }
    /// How many words there are to choose from.
    [[nodiscard]] constexpr size_t choices() const noexcept { return texts.word_count; }
    /// One of them, zero-terminated.
    [[nodiscard]] constexpr const char* choice(size_t index) const noexcept {
        return option_rows::kBlock.text(texts.words[index]).data();
    }
};

inline constexpr auto kOptions = [] {
    std::array<OptionInfo, option_rows::kEntries.size()> rows{};
    const auto texts = option_rows::pack().texts;
    for (size_t i = 0; i < rows.size(); ++i)
        rows[i] = {option_rows::kEntries[i].shape, texts[i]};
    return rows;
}();

void no_such_option();  // not constexpr: reaching it is an error at compile time

/// The row of an option; an unknown name does not compile.
[[nodiscard]] consteval size_t row(std::string_view name) {
    for (size_t i = 0; i < kOptions.size(); ++i) {
        if (option_rows::kEntries[i].name == name)
            return i;
    }
    no_such_option();
    return kOptions.size();
}

/// Whether a number lies within a row's bounds; `value` is signed where the row is.
[[nodiscard]] constexpr bool is_within(const OptionShape& option, uint64_t value) noexcept {
    if (option.is_signed()) {
        const auto number = static_cast<int64_t>(value);
        return number >= option.least &&
               (number < 0 || static_cast<uint64_t>(number) <= option.most);
    }
    return value >= static_cast<uint64_t>(option.least) && value <= option.most;
}

namespace option_rows {

consteval bool is_sound() {
    for (size_t i = 0; i < kEntries.size(); ++i) {
        const OptionEntry& entry = kEntries[i];
        const OptionInfo& option = kOptions[i];
        for (size_t other = 0; other < i; ++other) {
            if (kEntries[other].name == entry.name)
                return false;
        }
        const bool special = !entry.word.empty() && option.preset == option.word_value;
        const bool bounded = option.is_number() || option.kind == OptionKind::fixed;
        if (bounded && !special && !is_within(option, option.preset))
            return false;
        if (entry.doc.empty() || (option.kind == OptionKind::word) == entry.words.empty())
            return false;
    }
    return true;
}

static_assert(is_sound(), "O3");

}  // namespace option_rows

/// How many options keep text.
inline constexpr size_t kTextOptions = [] {
    size_t count = 0;
    for (const OptionInfo& option : kOptions) count += option.is_text() ? 1 : 0;
    return count;
}();

}  // namespace granary::ctl
