// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// misuse_test.cpp — every misuse ends the program with one line that names it.
//
// Role        Runs misuse.cpp once per case and size. The wording may change; what the line must
//             name (the misuse, the address, the size class where there is one) may not.
#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <string>

#include "../support/process.hpp"

#ifndef GRANARY_MISUSE_PROGRAM
#error "GRANARY_MISUSE_PROGRAM: path of the program that misuses the allocator"
#endif

namespace granary::tests {
namespace {

/// What a line must say besides the address.
enum class Kind {
    kDoubleFree,  ///< "double free" and the size class
    kForeign,     ///< the caller's name and "does not own"
    kInterior,  ///< the caller's name, "not the start" and "interior" or "unaligned", and the region's size
    kSizedFree,  ///< "sized free", the given size and the size class
    kFreed,      ///< a large region that is gone: double free, or not (any more) owned
};

struct Case {
    const char* name;
    const char* caller;
    Kind kind;
    bool any_size;  ///< false: the size plays no role, so one is enough
};

constexpr Case kCases[] = {
    {"double_free_at_once", "free", Kind::kDoubleFree, true},
    {"double_free_after_flush", "free", Kind::kDoubleFree, true},
    {"double_free_interleaved", "free", Kind::kDoubleFree, true},
    {"double_free_by_another_thread", "free", Kind::kDoubleFree, true},
    {"double_free_by_two_threads", "free", Kind::kDoubleFree, true},
    {"double_free_by_owner_after_another_thread", "free", Kind::kDoubleFree, true},
    {"realloc_after_free", "realloc", Kind::kFreed, true},
    {"free_of_stack", "free", Kind::kForeign, false},
    {"free_of_static", "free", Kind::kForeign, false},
    {"free_of_foreign_mapping", "free", Kind::kForeign, true},
    {"free_of_never_mapped", "free", Kind::kForeign, false},
    {"free_of_non_canonical", "free", Kind::kForeign, false},
    {"free_of_interior", "free", Kind::kInterior, true},
    {"free_of_interior_page", "free", Kind::kInterior, true},
    {"free_of_unaligned", "free", Kind::kInterior, true},
    {"realloc_of_stack", "realloc", Kind::kForeign, false},
    {"realloc_of_static", "realloc", Kind::kForeign, false},
    {"realloc_of_foreign_mapping", "realloc", Kind::kForeign, true},
    {"realloc_of_interior", "realloc", Kind::kInterior, true},
    {"realloc_of_unaligned", "realloc", Kind::kInterior, true},
    {"malloc_usable_size_of_stack", "malloc_usable_size", Kind::kForeign, false},
    {"malloc_usable_size_of_static", "malloc_usable_size", Kind::kForeign, false},
    {"malloc_usable_size_of_interior", "malloc_usable_size", Kind::kInterior, true},
    {"malloc_usable_size_of_unaligned", "malloc_usable_size", Kind::kInterior, true},
    {"sized_free_too_large", "sized free", Kind::kSizedFree, true},
    {"sized_free_too_small", "sized free", Kind::kSizedFree, true},
};

constexpr size_t kSizes[] = {16, 24, 1000, 20000, 300000, 4 << 20};

/// The line of stderr that begins with the prefix of granary's diagnostics; empty if there is not exactly one.
std::string message_of(const std::string& err) {
    const std::string prefix = "<granary>: ";
    const size_t begin = err.rfind(prefix, 0) == 0 ? 0 : err.find("\n" + prefix);
    if (begin == std::string::npos)
        return "";
    const size_t start = begin == 0 && err.rfind(prefix, 0) == 0 ? 0 : begin + 1;
    if (err.find(prefix, start + 1) != std::string::npos)
        return "";
    return err.substr(start, err.find('\n', start) - start);
}

/// Every number in `text`, decimal or with "K"/"M" spelled out as digits only.
bool names_a_size_between(const std::string& text, size_t least, size_t most) {
    const std::regex number("[0-9]+");
    for (auto it = std::sregex_iterator(text.begin(), text.end(), number);
         it != std::sregex_iterator(); ++it) {
        if (it->length() > 15)
            continue;
        const size_t value = std::stoull(it->str());
        if (value >= least && value <= most)
            return true;
    }
    return false;
}

Outcome misuse(const char* name, size_t size) {
    Command command{.words = {GRANARY_MISUSE_PROGRAM, name, std::to_string(size)},
                    .environment = {}};
#ifdef GRANARY_PRELOAD_LIBRARY
    command.environment.emplace_back("LD_PRELOAD", GRANARY_PRELOAD_LIBRARY);
#endif
    return run(command);
}

class Misuse : public testing::TestWithParam<std::tuple<Case, size_t>> {};

/// A size class wastes at most a quarter, a large one at most what rounding to 2 MiB adds.
size_t largest_class_of(size_t size) {
    return size > (size_t{1} << 20) ? size + (size_t{2} << 20) : size + size / 4 + 4096;
}

TEST_P(Misuse, AbortsWithOneLineThatNamesIt) {
    const auto& [what, size] = GetParam();
    const Outcome outcome = misuse(what.name, size);
    ASSERT_TRUE(outcome.killed_by(SIGABRT)) << outcome.describe();
    ASSERT_EQ(outcome.out.rfind("address ", 0), 0U) << outcome.describe();
    const std::string address = outcome.out.substr(8, outcome.out.find('\n') - 8);
    const std::string message = message_of(outcome.err);
    ASSERT_FALSE(message.empty()) << "no line, or several, that begin with '<granary>: '\n"
                                  << outcome.describe();

    const std::regex whole_address("(^|[^0-9a-fx])" + address + "([^0-9a-f]|$)");
    EXPECT_TRUE(std::regex_search(message, whole_address))
        << message << "\ndoes not name " << address;
    const std::string rest = std::regex_replace(message, whole_address, " ");
    const auto says = [&](const char* pattern) {
        return std::regex_search(rest, std::regex(pattern));
    };
    const std::string caller = std::string("(^|[^a-z_])") + what.caller + " of";
    switch (what.kind) {
        case Kind::kDoubleFree:
            EXPECT_TRUE(says("double free")) << message;
            EXPECT_TRUE(says("size class|-byte")) << message;
            EXPECT_TRUE(names_a_size_between(rest, size, largest_class_of(size))) << message;
            break;
        case Kind::kForeign:
            EXPECT_TRUE(says(caller.c_str())) << message;
            EXPECT_TRUE(says("does not own")) << message;
            break;
        case Kind::kInterior:
            EXPECT_TRUE(says(caller.c_str())) << message;
            EXPECT_TRUE(says("not the start")) << message;
            EXPECT_TRUE(says("interior|unaligned")) << message;
            EXPECT_TRUE(names_a_size_between(rest, size, largest_class_of(size))) << message;
            break;
        case Kind::kSizedFree:
            EXPECT_TRUE(says("sized free of")) << message;
            EXPECT_TRUE(says("size class|-byte")) << message;
            EXPECT_TRUE(names_a_size_between(rest, size, largest_class_of(size))) << message;
            break;
        case Kind::kFreed:
            EXPECT_TRUE(says("double free|realloc of")) << message;
            EXPECT_TRUE(says("free|does not own")) << message;
            break;
    }
}

std::vector<std::tuple<Case, size_t>> all_parameters() {
    std::vector<std::tuple<Case, size_t>> parameters;
    for (const Case& what : kCases) {
        for (const size_t size : kSizes) {
            if (what.any_size || size == kSizes[0])
                parameters.emplace_back(what, size);
        }
    }
    return parameters;
}

INSTANTIATE_TEST_SUITE_P(Every, Misuse, testing::ValuesIn(all_parameters()),
                         [](const testing::TestParamInfo<Misuse::ParamType>& parameter) {
                             return std::string(std::get<0>(parameter.param).name) + "_of_" +
                                    std::to_string(std::get<1>(parameter.param));
                         });

TEST(MisuseProgram, EndsNormallyWhenItIsNotMisuse) {
    // The proof that the program itself is sound: an unknown case is refused, nothing is aborted.
    const Outcome outcome = misuse("none", 16);
    EXPECT_TRUE(outcome.exited_with(2)) << outcome.describe();
}

}  // namespace
}  // namespace granary::tests
