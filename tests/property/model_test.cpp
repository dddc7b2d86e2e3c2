// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// model_test.cpp — random programs against the reference model, and proof that it can fail.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "../support/rng.hpp"
#include "stage.hpp"

namespace granary::tests {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(thread_sanitizer) || __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

/// Rounds of 4096 operations per thread: about a million operations, fewer where each one costs more.
constexpr uint64_t kOperations = kSanitized ? 200'000 : 2'000'000;

ProgramShape shape_of(unsigned threads, unsigned slots) {
    ProgramShape shape;
    shape.seed = mix(test_seed(20240229)) + threads * 100000 + slots;
    shape.threads = threads;
    shape.slots = slots;
    return shape;
}

bool holds(const ProgramShape& shape) {
    Progress& progress = make_shared_progress();
    const uint64_t per_round = uint64_t{shape.ops_per_round} * shape.threads;
    const bool held = check_shape(tested_abi(), shape, kOperations / per_round, progress);
    EXPECT_GT(progress.peak_regions.load(std::memory_order_relaxed), 0U);
    return held;
}

TEST(Model, HoldsForOneThreadWithFewRegions) { EXPECT_TRUE(holds(shape_of(1, 24))); }
TEST(Model, HoldsForOneThreadWithManyRegions) { EXPECT_TRUE(holds(shape_of(1, 8192))); }
TEST(Model, HoldsForTwoThreadsThatHandRegionsOver) { EXPECT_TRUE(holds(shape_of(2, 1024))); }
TEST(Model, HoldsForFourThreads) { EXPECT_TRUE(holds(shape_of(4, 256))); }
TEST(Model, HoldsForMoreThreadsThanArenas) { EXPECT_TRUE(holds(shape_of(16, 128))); }

// The model has to notice each of these faults in an otherwise good allocator.

std::atomic<unsigned> calls{0};
void* last_pointer = nullptr;

bool now_and_then() { return calls.fetch_add(1, std::memory_order_relaxed) % 1000 == 999; }

bool model_notices(const Abi& faulty) {
    ProgramShape shape = shape_of(1, 64);
    shape.may_fork = false;
    Progress& progress = make_shared_progress();
    return !survives([&] { perform_generated(faulty, shape, 8, progress); }, true);
}

TEST(ModelSelfTest, AcceptsTheSoundAllocator) { EXPECT_FALSE(model_notices(tested_abi())); }

TEST(ModelSelfTest, NoticesARegionHandedOutTwice) {
    Abi faulty = tested_abi();
    faulty.malloc = [](size_t size) -> void* {
        if (now_and_then() && last_pointer != nullptr)
            return last_pointer;
        return last_pointer = tested_abi().malloc(size);
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesCallocThatLeavesOneByte) {
    Abi faulty = tested_abi();
    faulty.calloc = [](size_t count, size_t size) -> void* {
        void* const pointer = tested_abi().calloc(count, size);
        if (count * size > 0)
            static_cast<char*>(pointer)[count * size - 1] = now_and_then() ? 1 : 0;
        return pointer;
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesReallocThatLosesContents) {
    Abi faulty = tested_abi();
    faulty.realloc = [](void* old, size_t size) -> void* {
        if (old == nullptr || !now_and_then())
            return tested_abi().realloc(old, size);
        tested_abi().free(old);
        return tested_abi().calloc(size, 1);
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesUsableSizesThatAreTooLarge) {
    Abi faulty = tested_abi();
    faulty.malloc_usable_size = [](void* pointer) {
        return tested_abi().malloc_usable_size(pointer) + (now_and_then() ? 4096 : 0);
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesWrongAlignment) {
    Abi faulty = tested_abi();
    faulty.aligned_alloc = [](size_t, size_t size) -> void* { return tested_abi().malloc(size); };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesFreeThatWritesIntoANeighbour) {
    Abi faulty = tested_abi();
    faulty.free = [](void* pointer) {
        if (pointer != nullptr && now_and_then() && last_pointer != nullptr) {
            std::memset(last_pointer, 0x5a, 1);
        }
        tested_abi().free(pointer);
    };
    faulty.malloc = [](size_t size) -> void* {
        return last_pointer = tested_abi().malloc(size + 1);
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesErrnoSetOnSuccess) {
    if (!is_granary(tested_abi()))
        GTEST_SKIP() << "needs granary: the C library does not promise this";
    Abi faulty = tested_abi();
    faulty.free = [](void* pointer) {
        tested_abi().free(pointer);
        if (now_and_then())
            errno = ENOMEM;
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesALostByteInTheTotals) {
    if (!tested_abi().alone)
        GTEST_SKIP() << "needs the prefixed library: others allocate here too";
    Abi faulty = tested_abi();
    faulty.free = [](void* pointer) {
        if (!now_and_then())
            tested_abi().free(pointer);
    };
    EXPECT_TRUE(model_notices(faulty));
}

TEST(ModelSelfTest, NoticesAClassThatMiscounts) {
    if (!tested_abi().alone)
        GTEST_SKIP() << "needs the prefixed library: others allocate here too";
    for (const char* part : {"curregs", "curlextents", "stats.resident"}) {
        static const char* wrong;
        static int asked;
        wrong = part;
        asked = 0;
        Abi faulty = tested_abi();
        faulty.mallctl = [](const char* name, void* old, size_t* length, void* fresh, size_t size) {
            const int code = tested_abi().mallctl(name, old, length, fresh, size);
            if (code != 0 || old == nullptr || std::strstr(name, wrong) == nullptr)
                return code;
            // Classes have a baseline: the first questions are answered rightly.
            const bool of_a_class = wrong[0] == 'c';
            if (!of_a_class || ++asked > 400)
                *static_cast<size_t*>(old) = of_a_class ? *static_cast<size_t*>(old) + 1 : 0;
            return code;
        };
        EXPECT_TRUE(model_notices(faulty)) << part;
    }
}

TEST(ModelShrinker, FindsTheShortProgramInsideALongOne) {
    ProgramShape shape;
    shape.ops_per_round = 500;
    Program program{.seed = 1,
                    .threads = 1,
                    .slots = 16,
                    .rounds = {make_round(shape, 0), make_round(shape, 1)}};
    const auto has_a_large_realloc = [](const Program& candidate) {
        for (const Round& round : candidate.rounds) {
            for (const std::vector<Op>& ops : round.threads) {
                for (const Op& op : ops) {
                    if (op.kind == OpKind::kRealloc && op.size >= 100)
                        return true;
                }
            }
        }
        return false;
    };
    ASSERT_TRUE(has_a_large_realloc(program));
    const Program shrunk = shrink(program, has_a_large_realloc, 60);
    ASSERT_EQ(count_ops(shrunk), 1U);
    EXPECT_LT(shrunk.rounds.at(0).threads.at(0).at(0).size, 200U);
    EXPECT_NE(to_source(shrunk).find("OpKind::kRealloc"), std::string::npos);
}

}  // namespace
}  // namespace granary::tests
