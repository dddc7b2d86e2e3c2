// SPDX-License-Identifier: Apache-2.0 OR MIT
// What a compiler works hard on: the standard library's templates, several times over.
#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#ifndef UNIT
#define UNIT 0
#endif

namespace {

template <int N>
struct Record {
    std::map<std::string, std::vector<Record<N - 1>>> children;
    int value = N;
    int total() const {
        int sum = value;
        for (const auto& [name, list] : children)
            for (const auto& child : list) sum += child.total() + static_cast<int>(name.size());
        return sum;
    }
};
template <>
struct Record<0> {
    int total() const { return UNIT; }
};

}  // namespace

int measure(const std::string& text) {
    std::unordered_map<std::string, int> seen;
    for (std::size_t i = 0; i + 3 <= text.size(); ++i) ++seen[text.substr(i, 3)];
    std::vector<std::pair<int, std::string>> order;
    for (const auto& [word, times] : seen) order.emplace_back(times, word);
    std::sort(order.begin(), order.end());
    Record<6> record;
    record.children["a"].emplace_back();
    return static_cast<int>(order.size()) + record.total();
}
