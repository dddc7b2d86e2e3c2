// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// dump.cpp — prints the tables of the code as JSON; tools/gen_docs.py turns that into docs/*.md.
//
// Role        The documents show what was compiled, not what somebody typed.
#include <cstdio>
#include <string_view>

#include <granary/core/lifecycle.hpp>
#include <granary/core/size_class.hpp>
#include <granary/ctl/conf.hpp>
#include <granary/ctl/ctl.hpp>

#include "heap/heap_state.hpp"
#include "sync/lock_rank.hpp"
#include "tree.hpp"

// core asks its embedder for options; the heap is never started here.
granary::core::HeapOptions granary::core::load_startup_options() noexcept { return {}; }

namespace {

using namespace granary;

void print_text(std::string_view text) {
    std::putchar('"');
    for (const char c : text) {
        if (c == '"' || c == '\\')
            std::putchar('\\');
        std::putchar(c);
    }
    std::putchar('"');
}

/// Writes one JSON value after another with the commas that they need.
class Object {
public:
    explicit Object(char open) : close_(open == '{' ? '}' : ']') { std::putchar(open); }
    ~Object() { std::putchar(close_); }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    Object& text(std::string_view key, std::string_view value) {
        name(key);
        print_text(value);
        return *this;
    }

    Object& number(std::string_view key, long long value) {
        name(key);
        std::printf("%lld", value);
        return *this;
    }

    /// Begins a value that the caller prints; an empty key begins an element of an array.
    void name(std::string_view key) {
        std::fputs(first_ ? "\n" : ",\n", stdout);
        first_ = false;
        if (key.empty())
            return;
        print_text(key);
        std::putchar(':');
    }

private:
    char close_;
    bool first_ = true;
};

void print_constants() {
    Object object('{');
    object.number("page", core::kPageSize).number("chunk", core::kChunkSize);
    object.number("small_max", core::kSmallMax).number("low_max", core::kLowMax);
    object.number("large_max", static_cast<long long>(core::kLargeMaxPages * core::kPageSize));
    object.number("quantum", core::kGeometry.quantum).number("steps", core::kGeometry.steps);
    object.number("run_target", core::kGeometry.run_target_bytes);
    object.number("magazine_slots", core::kMagazineSlots);
    object.number("magazine_bytes", core::kMagazineBytes);
    object.number("all_arenas", static_cast<long long>(ctl::kAllArenas));
    object.number("destroyed_arenas", static_cast<long long>(ctl::kDestroyedArenas));
}

void print_size_classes() {
    Object array('[');
    for (const core::SizeClass& cls : core::kSizeClasses) {
        array.name("");
        Object row('{');
        row.number("size", cls.size).number("run_pages", cls.run_pages);
        row.number("run_regions", cls.run_regions).number("magazine", cls.magazine_capacity);
    }
}

void print_lock_ranks() {
    Object array('[');
    for (const core::LockRankInfo& info : core::kLockRanks) {
        array.name("");
        Object row('{');
        row.text("name", info.name).text("layer", info.layer).text("protects", info.protects);
    }
}

const char* name_of(ctl::OptionKind kind) {
    constexpr const char* kNames[] = {"boolean", "uint", "size",    "ssize", "i64",   "u64",
                                      "fixed",   "word", "letters", "text",  "ranges"};
    return kNames[static_cast<size_t>(kind)];
}

const char* name_of(ctl::Effect effect) {
    constexpr const char* kNames[] = {"works", "elsewhere", "absent"};
    return kNames[static_cast<size_t>(effect)];
}

void print_options() {
    Object array('[');
    for (const ctl::OptionInfo& option : ctl::kOptions) {
        array.name("");
        Object row('{');
        row.text("name", option.name()).text("kind", name_of(option.kind));
        row.text("effect", name_of(option.effect));
        row.name("default");
        std::printf(option.is_signed() ? "%lld" : "%llu",
                    static_cast<unsigned long long>(option.preset));
        row.number("least", option.least);
        row.name("most");
        std::printf("%llu", static_cast<unsigned long long>(option.most));
        row.number("node", option.has_node ? 1 : 0);
        row.text("word", option.word()).number("word_value", static_cast<long long>(option.word_value));
        row.name("words");
        {
            Object words('[');
            for (size_t i = 0; i < option.choices(); ++i) {
                words.name("");
                print_text(option.choice(i));
            }
        }
        row.text("doc", option.doc());
    }
}

void print_nodes() {
    Object array('[');
    for (size_t i = 0; i < ctl::node_count(); ++i) {
        const ctl::NodeInfo info = ctl::node_info(i);
        array.name("");
        Object row('{');
        row.text("name", info.name).text("type", info.type);
        row.text("access", info.access).text("doc", info.doc);
    }
}

void print_word_lists() {
    Object array('[');
    for (const ctl::WordList& list : ctl::kWordLists) {
        array.name("");
        Object row('{');
        row.text("component", list.component).text("words", list.words);
    }
}

}  // namespace

int main() {
    {
        Object tables('{');
        tables.name("constants");
        print_constants();
        tables.name("size_classes");
        print_size_classes();
        tables.name("lock_ranks");
        print_lock_ranks();
        tables.name("options");
        print_options();
        tables.name("nodes");
        print_nodes();
        tables.name("word_lists");
        print_word_lists();
    }
    std::putchar('\n');
    return 0;
}
