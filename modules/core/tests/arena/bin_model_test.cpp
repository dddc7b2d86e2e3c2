// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bin_model_test.cpp — random programs of every class against a set of the regions taken.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <granary/base/prng.hpp>

#include "support/bin_floor.hpp"
#include "support/seed.hpp"

namespace granary::core {
namespace {

using tests::BinFloor;

/// Every class: regions are distinct, inside their runs, and what goes in comes out.
class BinModel : public testing::TestWithParam<unsigned> {};

TEST_P(BinModel, RandomProgramsHandOutEveryRegionOnce) {
    const uint64_t seed = tests::test_seed(61) + GetParam();
    SCOPED_TRACE(tests::seed_note(seed));
    base::Prng prng(seed);
    BinFloor floor(GetParam());
    std::set<void*> taken;     // in the program's hands
    std::vector<void*> order;  // the same, in random order
    size_t parked = 0;
    auto add = [&](void* region) {
        ASSERT_TRUE(taken.insert(region).second) << "handed out twice";
        order.push_back(region);
    };
    auto remove_any = [&] {
        std::swap(order[prng.below(order.size())], order.back());
        void* const region = order.back();
        order.pop_back();
        taken.erase(region);
        return region;
    };
    for (int i = 0; i < 600; ++i) {
        ExtentList released;
        switch (prng.below(8)) {
            case 0:
            case 1:
            case 2: {
                Magazine* const magazine = floor.refill();
                for (uint32_t r = 0; r < magazine->size(); ++r) add(magazine->first()[r]);
                floor.magazines.give(magazine);
                break;
            }
            case 3:
                add(floor.take(1)[0]);
                break;
            case 4:
            case 5:
            case 6: {
                std::vector<void*> regions;
                const size_t wanted = 1 + prng.below(floor.shape().magazine_capacity);
                while (regions.size() < wanted && !order.empty()) regions.push_back(remove_any());
                if (regions.empty())
                    break;
                Magazine* const magazine = floor.pack(regions);
                if (prng.below(2) == 0) {
                    floor.bin.distribute(magazine, released);
                    floor.magazines.give(magazine);
                } else if (Magazine* const empty = floor.bin.park(magazine, released)) {
                    floor.magazines.give(empty);
                }
                break;
            }
            default: {
                Magazine* empties = nullptr;
                floor.bin.age(prng.below(4) == 0, released, empties);
                while (empties != nullptr) {
                    Magazine* const next = empties->next;
                    floor.magazines.give(empties);
                    empties = next;
                }
                break;
            }
        }
        floor.drop(released);
        floor.bin.check_invariants();
        parked = floor.bin.counts().parked;
        ASSERT_EQ(floor.bin.counts().taken, taken.size() + parked) << "B2";
        ASSERT_EQ(floor.pages.counts().active, floor.bin.counts().runs * floor.shape().run_pages);
    }
}

INSTANTIATE_TEST_SUITE_P(Classes, BinModel,
                         testing::Range(0U, static_cast<unsigned>(kSmallClassCount)),
                         [](const auto& c) { return std::to_string(kSizeClasses[c.param].size); });

}  // namespace
}  // namespace granary::core
