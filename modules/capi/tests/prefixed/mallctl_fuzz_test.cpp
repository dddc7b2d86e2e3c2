// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// mallctl_fuzz_test.cpp — any name, cut or bent, with any buffers: a documented code, and never a
//                         byte outside the buffer.
//
// Role        GRANARY_FUZZ_CALLS says how many calls; the test `capi.fuzz_mallctl` makes a million.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <granary/granary.h>
#include <gtest/gtest.h>

namespace {

constexpr uint64_t kCallsUnlessTold = 100'000;

uint64_t calls_wanted() {
    const char* const text = std::getenv("GRANARY_FUZZ_CALLS");
    return text == nullptr ? kCallsUnlessTold : std::strtoull(text, nullptr, 10);
}

class Source {
public:
    uint64_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    /// Below `bound`.
    size_t below(size_t bound) { return static_cast<size_t>((next() >> 16) % bound); }
    bool one_in(size_t odds) { return below(odds) == 0; }

private:
    uint64_t state_ = 88172645463325252U;
};

struct Name {
    std::string text;
    bool takes_pointer;  ///< as a value: only null is safe to make up
};

std::vector<Name> all_names() {
    std::vector<Name> names;
    granary_ctl_list(
        [](void* out, const granary_ctl_node* node) {
            const std::string type = node->type;
            const bool pointer = type.find('*') != std::string::npos || type == "struct" ||
                                 std::string(node->name) == "experimental.arenas_create_ext" ||
                                 std::string(node->name) == "arenas.create" ||
                                 std::string(node->name) == "experimental.batch_alloc";
            static_cast<std::vector<Name>*>(out)->push_back({node->name, pointer});
            return 0;
        },
        &names);
    return names;
}

/// A name with indices in their places, now and then cut or with a bit turned over.
std::string bent(std::string name, Source& random) {
    const char* const indices[] = {"0", "1", "40", "41", "190", "198", "4095", "4096", "4097", "9999"};
    for (size_t at = name.find('<'); at != std::string::npos; at = name.find('<'))
        name.replace(at, name.find('>') + 1 - at, indices[random.below(std::size(indices))]);
    if (random.one_in(8))
        name.resize(random.below(name.size() + 1));
    if (random.one_in(16) && !name.empty())
        name[random.below(name.size())] ^= static_cast<char>(1U << random.below(7));
    return name;
}

bool is_documented(int code) {
    return code == 0 || code == ENOENT || code == EPERM || code == EINVAL || code == EFAULT ||
           code == EAGAIN;
}

constexpr size_t kLengths[] = {0, 1, 2, 4, 7, 8, 9, 16};

/// One call: by name, or by the numbers that the name has or that are made up.
struct Call {
    std::array<unsigned char, 16> in{};
    std::array<unsigned char, 48> out{};
    size_t given = 0;
    size_t length = 0;
    bool reads = false;
    bool passes_length = false;
    bool writes = false;
    size_t new_length = 0;

    int by_name(const std::string& name) {
        return granary_mallctl(name.c_str(), reads ? out.data() : nullptr,
                               passes_length ? &length : nullptr, writes ? in.data() : nullptr,
                               writes ? new_length : 0);
    }
    int by_mib(const size_t* mib, size_t depth) {
        return granary_mallctlbymib(mib, depth, reads ? out.data() : nullptr,
                                    passes_length ? &length : nullptr,
                                    writes ? in.data() : nullptr, writes ? new_length : 0);
    }
};

Call make_call(const Name& name, Source& random) {
    Call call;
    // The name of an arena is read into the text that the old value points to: null is refused.
    call.out.fill(name.text.find("arena.<arena>.name") == 0 ? 0 : 0xee);
    call.given = kLengths[random.below(std::size(kLengths))];
    call.length = call.given;
    call.reads = random.one_in(2);
    call.passes_length = call.reads || random.one_in(4);
    call.writes = random.one_in(4);
    call.new_length = kLengths[random.below(std::size(kLengths))];
    if (!name.takes_pointer && random.one_in(2)) {
        const uint64_t value = random.next() >> random.below(64);
        std::memcpy(call.in.data(), &value, sizeof value);
    }
    return call;
}

TEST(MallctlFuzz, NamesTimesBuffersAnswerWithDocumentedCodes) {
    const std::vector<Name> names = all_names();
    ASSERT_GT(names.size(), 350U);
    Source random;
    uint64_t answered = 0;
    for (uint64_t i = calls_wanted(); i > 0; --i) {
        const Name& name = names[random.below(names.size())];
        const std::string asked = bent(name.text, random);
        Call call = make_call(name, random);
        const auto untouched = call.out;
        int code = 0;
        if (random.one_in(3)) {
            std::array<size_t, 8> mib{};
            size_t depth = random.one_in(4) ? random.below(9) : 7;
            if (granary_mallctlnametomib(asked.c_str(), mib.data(), &depth) != 0)
                depth = random.below(9);
            if (random.one_in(4) && depth > 0 && !name.takes_pointer &&
                name.text.find("stats.") == 0) {
                mib[random.below(depth)] = random.next() >> random.below(64);
            }
            code = call.by_mib(mib.data(), depth);
        } else {
            code = call.by_name(asked);
        }
        ASSERT_TRUE(is_documented(code)) << asked << ": " << code;
        answered += code == 0 ? 1 : 0;
        for (size_t k = call.reads ? call.given : 0; k < call.out.size(); ++k)
            ASSERT_EQ(call.out[k], untouched[k]) << asked << " byte " << k;
        if (i % 4096 == 0)
            granary_free(granary_malloc(random.below(100'000)));
    }
    EXPECT_GT(answered, calls_wanted() / 20);
}

}  // namespace
