// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// intrusive_list_test.cpp — the list against std::list, and its zero-byte state.
#include <granary/base/intrusive_list.hpp>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <granary/base/prng.hpp>

namespace granary::base {
namespace {

struct Element {
    int value = 0;
    ListLink by_age;
    ListLink by_size;
};
using AgeList = IntrusiveList<Element, &Element::by_age>;
using SizeList = IntrusiveList<Element, &Element::by_size>;

constinit AgeList g_list;

std::vector<int> values_of(const AgeList& list) {
    std::vector<int> values;
    for (const Element& element : list) {
        values.push_back(element.value);
    }
    return values;
}

TEST(IntrusiveList, IsEmptyWhenConstantInitialised) {
    EXPECT_TRUE(g_list.empty());
    EXPECT_EQ(g_list.front(), nullptr);
    EXPECT_EQ(g_list.back(), nullptr);
    EXPECT_EQ(g_list.pop_front(), nullptr);
    EXPECT_EQ(g_list.pop_back(), nullptr);
}

TEST(IntrusiveListInvariants, L1_ZeroBytesAreAnEmptyListAndAnUnlinkedLink) {
    void* const zeros = std::calloc(1, sizeof(AgeList));
    auto* const list = static_cast<AgeList*>(zeros);
    EXPECT_TRUE(list->empty());
    Element element;
    list->push_back(element);
    EXPECT_EQ(list->front(), &element);
    EXPECT_TRUE(element.by_age.is_linked());
    std::free(zeros);
}

TEST(IntrusiveList, KeepsOrderAtBothEnds) {
    AgeList list;
    Element a{1, {}, {}};
    Element b{2, {}, {}};
    Element c{3, {}, {}};
    list.push_back(b);
    list.push_front(a);
    list.push_back(c);
    EXPECT_EQ(values_of(list), (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(list.next(a), &b);
    EXPECT_EQ(list.next(c), nullptr);
    EXPECT_EQ(list.previous(b), &a);
    EXPECT_EQ(list.previous(a), nullptr);
    EXPECT_EQ(list.pop_back(), &c);
    EXPECT_EQ(list.pop_front(), &a);
    EXPECT_EQ(list.pop_front(), &b);
    EXPECT_TRUE(list.empty());
}

TEST(IntrusiveListInvariants, L2_TheOnlyElementIsLinkedAndAnErasedOneIsNot) {
    AgeList list;
    Element only;
    EXPECT_FALSE(only.by_age.is_linked());
    list.push_front(only);
    EXPECT_TRUE(only.by_age.is_linked());
    list.erase(only);
    EXPECT_FALSE(only.by_age.is_linked());
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.back(), nullptr);
}

TEST(IntrusiveList, AnElementIsInTwoListsThroughTwoLinks) {
    AgeList ages;
    SizeList sizes;
    Element a{1, {}, {}};
    Element b{2, {}, {}};
    ages.push_back(a);
    ages.push_back(b);
    sizes.push_front(a);
    sizes.push_front(b);
    ages.erase(a);
    EXPECT_EQ(ages.front(), &b);
    EXPECT_EQ(sizes.front(), &b);
    EXPECT_EQ(sizes.back(), &a);
}

TEST(IntrusiveList, EraseWhileWalkingByNextVisitsEveryElement) {
    AgeList list;
    std::vector<Element> elements(10);
    for (int i = 0; i < 10; ++i) {
        elements[static_cast<size_t>(i)].value = i;
        list.push_back(elements[static_cast<size_t>(i)]);
    }
    int visited = 0;
    for (Element* element = list.front(); element != nullptr;) {
        Element* const after = list.next(*element);
        if (element->value % 2 == 0) {
            list.erase(*element);
        }
        ++visited;
        element = after;
    }
    EXPECT_EQ(visited, 10);
    EXPECT_EQ(values_of(list), (std::vector<int>{1, 3, 5, 7, 9}));
}

TEST(IntrusiveList, AgreesWithAStandardListOverARandomProgram) {
    constexpr size_t kElements = 24;
    AgeList list;
    std::list<int> model;
    std::vector<Element> elements(kElements);
    for (size_t i = 0; i < kElements; ++i) {
        elements[i].value = static_cast<int>(i);
    }
    Prng prng(3);
    for (int step = 0; step < 20000; ++step) {
        Element& element = elements[prng.below(kElements)];
        const auto found = std::find(model.begin(), model.end(), element.value);
        ASSERT_EQ(element.by_age.is_linked(), found != model.end());
        if (found != model.end()) {
            list.erase(element);
            model.erase(found);
        } else if (const uint64_t choice = prng.below(3); choice == 0) {
            list.push_front(element);
            model.push_front(element.value);
        } else if (choice == 1 || model.empty()) {
            list.push_back(element);
            model.push_back(element.value);
        } else {
            const auto position =
                std::next(model.begin(), static_cast<ptrdiff_t>(prng.below(model.size())));
            list.insert_after(elements[static_cast<size_t>(*position)], element);
            model.insert(std::next(position), element.value);
        }
        ASSERT_EQ(list.empty(), model.empty());
        ASSERT_EQ(values_of(list), std::vector<int>(model.begin(), model.end()));
        ASSERT_EQ(list.back() == nullptr ? -1 : list.back()->value,
                  model.empty() ? -1 : model.back());
        std::vector<int> backwards;
        for (Element* at = list.back(); at != nullptr; at = list.previous(*at)) {
            backwards.push_back(at->value);
        }
        ASSERT_EQ(backwards, std::vector<int>(model.rbegin(), model.rend()));
    }
}

#if GRANARY_DEBUG
TEST(IntrusiveListDeathTest, L2_LinkingTwiceAndErasingAnUnlinkedElementAreCaught) {
    AgeList list;
    Element element;
    EXPECT_DEATH(list.erase(element), "invariant L2");
    list.push_back(element);
    EXPECT_DEATH(list.push_back(element), "invariant L2");
}
#endif

}  // namespace
}  // namespace granary::base
