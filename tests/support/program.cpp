// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// program.cpp — generator, printer and shrinker of random programs.
//
// Source      Zeller and Hildebrandt 2002, delta debugging, for the order in which chunks are dropped.
#include "program.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "rng.hpp"

namespace granary::tests {
namespace {

struct KindEntry {
    OpKind kind;
    const char* name;
    unsigned weight;  // chances in kTotalWeight
};

constexpr std::array<KindEntry, kOpKindCount> kKinds = {{
    {OpKind::kMalloc, "kMalloc", 24000},
    {OpKind::kCalloc, "kCalloc", 6000},
    {OpKind::kRealloc, "kRealloc", 8000},
    {OpKind::kReallocArray, "kReallocArray", 2000},
    {OpKind::kAlignedAlloc, "kAlignedAlloc", 2500},
    {OpKind::kPosixMemalign, "kPosixMemalign", 2000},
    {OpKind::kMemalign, "kMemalign", 1000},
    {OpKind::kValloc, "kValloc", 250},
    {OpKind::kPvalloc, "kPvalloc", 250},
    {OpKind::kFree, "kFree", 24000},
    {OpKind::kFreeSized, "kFreeSized", 8000},
    {OpKind::kVerify, "kVerify", 6000},
    {OpKind::kSend, "kSend", 12000},
    {OpKind::kReceive, "kReceive", 3000},
    {OpKind::kShortThread, "kShortThread", 12},
    {OpKind::kTooLarge, "kTooLarge", 500},
    {OpKind::kForeign, "kForeign", 400},
    {OpKind::kFlush, "kFlush", 60},
    {OpKind::kPurge, "kPurge", 4},
    {OpKind::kFreeAll, "kFreeAll", 4},
    {OpKind::kMallocx, "kMallocx", 8000},
    {OpKind::kRallocx, "kRallocx", 3000},
    {OpKind::kXallocx, "kXallocx", 1500},
    {OpKind::kDallocx, "kDallocx", 6000},
    {OpKind::kBatch, "kBatch", 150},
}};

constexpr bool kinds_are_in_order() {
    for (unsigned i = 0; i < kOpKindCount; ++i) {
        if (static_cast<unsigned>(kKinds[i].kind) != i)
            return false;
    }
    return true;
}
static_assert(kinds_are_in_order(), "kKinds is indexed by OpKind");

constexpr unsigned total_weight() {
    unsigned total = 0;
    for (const KindEntry& entry : kKinds) total += entry.weight;
    return total;
}
constexpr unsigned kTotalWeight = total_weight();

/// Weight -> kind, as a table, because the generator runs 10^8 times.
constexpr unsigned kLotteryShift = 4;
constexpr auto make_lottery() {
    std::array<uint8_t, (kTotalWeight >> kLotteryShift) + 1> table{};
    unsigned kind = 0;
    unsigned end = kKinds[0].weight;
    for (unsigned i = 0; i < table.size(); ++i) {
        while (kind + 1 < kOpKindCount && (i << kLotteryShift) >= end) end += kKinds[++kind].weight;
        table[i] = static_cast<uint8_t>(kind);
    }
    return table;
}
constexpr auto kLottery = make_lottery();

/// Mostly small, with every size class up to 16 MiB now and then, and its neighbours by one byte.
uint32_t make_size(Rng& rng) {
    const uint64_t draw = rng.below(10000);
    uint64_t size = 0;
    if (draw < 6500) {
        size = rng.log_uniform(9);
    } else if (draw < 9000) {
        size = rng.log_uniform(12);
    } else if (draw < 9850) {
        size = rng.log_uniform(15) + rng.below(8192);
    } else if (draw < 9980) {
        size = 16384 + rng.log_uniform(18);
    } else if (draw < 9998) {
        size = rng.log_uniform(22);
    } else {
        size = rng.log_uniform(24);
    }
    const uint64_t shape = rng.below(16);
    if (shape == 0)
        size = (size + 4095) & ~uint64_t{4095};
    if (shape == 1)
        size += 1;
    if (shape == 2 && size > 0)
        size -= 1;
    return static_cast<uint32_t>(size);
}

uint8_t make_alignment_log2(Rng& rng, OpKind kind) {
    const unsigned least = kind == OpKind::kPosixMemalign ? 3 : 0;
    const unsigned span = rng.one_in(256) ? 24 : 13;
    return static_cast<uint8_t>(least + rng.below(span - least));
}

class Deadline {
public:
    explicit Deadline(double seconds)
        : end_(std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds)) {}
    [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= end_; }

private:
    std::chrono::time_point<std::chrono::steady_clock, std::chrono::duration<double>> end_;
};

using Predicate = std::function<bool(const Program&)>;

/// Tries to erase `items` piecewise, halving the pieces; `items` is part of `program`.
template <typename Item>
void drop_pieces(Program& program, std::vector<Item>& items, const Predicate& fails,
                 const Deadline& deadline) {
    for (size_t piece = std::max<size_t>(items.size() / 2, 1); !items.empty(); piece /= 2) {
        for (size_t first = items.size(); first > 0 && !deadline.passed();) {
            const size_t begin = first > piece ? first - piece : 0;
            std::vector<Item> kept = items;
            items.erase(items.begin() + static_cast<long>(begin),
                        items.begin() + static_cast<long>(first));
            if (!fails(program))
                items = std::move(kept);
            first = begin;
        }
        if (piece <= 1 || deadline.passed())
            break;
    }
}

void halve_sizes(Program& program, std::vector<Op>& ops, const Predicate& fails,
                 const Deadline& deadline) {
    for (size_t i = 0; i < ops.size() && !deadline.passed(); ++i) {
        while (ops[i].size > 1 && !deadline.passed()) {
            const uint32_t size = ops[i].size;
            ops[i].size = size / 2;
            if (fails(program))
                continue;
            ops[i].size = size;
            break;
        }
    }
}

}  // namespace

Op make_op(const ProgramShape& shape, Rng& rng) {
    Op op;
    op.kind = static_cast<OpKind>(kLottery[rng.below(kTotalWeight) >> kLotteryShift]);
    op.slot = static_cast<uint16_t>(rng.below(shape.slots));
    switch (op.kind) {
        case OpKind::kSend:
            op.argument = static_cast<uint8_t>(rng.below(shape.threads));
            break;
        case OpKind::kAlignedAlloc:
        case OpKind::kPosixMemalign:
        case OpKind::kMemalign:
            op.argument = make_alignment_log2(rng, op.kind);
            op.size = make_size(rng);
            break;
        case OpKind::kShortThread:
            op.size = static_cast<uint32_t>(rng.next());
            break;
        default:
            op.argument = static_cast<uint8_t>(rng.below(256));
            op.size = make_size(rng);
            break;
    }
    return op;
}

Round make_round(const ProgramShape& shape, uint64_t index) {
    Rng rng(mix(shape.seed) ^ mix(index));
    Round round;
    round.threads.resize(shape.threads);
    for (std::vector<Op>& ops : round.threads) {
        ops.reserve(shape.ops_per_round);
        for (unsigned i = 0; i < shape.ops_per_round; ++i) ops.push_back(make_op(shape, rng));
    }
    round.flush = rng.one_in(2);
    round.free_all = rng.one_in(8);
    round.fork = shape.may_fork && rng.one_in(32);
    for (unsigned thread = 0; thread < shape.threads && thread < 32; ++thread) {
        if (rng.one_in(8))
            round.replaced |= uint32_t{1} << thread;
    }
    return round;
}

size_t count_ops(const Program& program) {
    size_t count = 0;
    for (const Round& round : program.rounds) {
        for (const std::vector<Op>& ops : round.threads) count += ops.size();
    }
    return count;
}

std::string to_source(const Program& program) {
    char line[160];
    std::snprintf(line, sizeof line,
                  "Program program{.seed = %lluU, .threads = %u, .slots = %u, .rounds = {}};\n",
                  static_cast<unsigned long long>(program.seed), program.threads, program.slots);
    std::string text = line;
    for (const Round& round : program.rounds) {
        text += "program.rounds.push_back(Round{.threads = {\n";
        for (const std::vector<Op>& ops : round.threads) {
            text += "    {";
            for (const Op& op : ops) {
                std::snprintf(line, sizeof line, "{OpKind::%s, %u, %u, %u}, ",
                              kKinds[static_cast<unsigned>(op.kind)].name, op.argument, op.slot,
                              op.size);
                text += line;
            }
            text += "},\n";
        }
        std::snprintf(line, sizeof line,
                      "}, .flush = %s, .free_all = %s, .fork = %s, .replaced = %u});\n",
                      round.flush ? "true" : "false", round.free_all ? "true" : "false",
                      round.fork ? "true" : "false", round.replaced);
        text += line;
    }
    return text;
}

Program shrink(Program program, const Predicate& fails, double budget_s) {
    const Deadline deadline(budget_s);
    size_t before = 0;
    do {
        before = count_ops(program);
        drop_pieces(program, program.rounds, fails, deadline);
        for (Round& round : program.rounds) {
            for (std::vector<Op>& ops : round.threads) drop_pieces(program, ops, fails, deadline);
        }
    } while (count_ops(program) < before && !deadline.passed());
    for (Round& round : program.rounds) {
        for (std::vector<Op>& ops : round.threads) halve_sizes(program, ops, fails, deadline);
    }
    return program;
}

}  // namespace granary::tests
