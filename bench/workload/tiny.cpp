// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// tiny.cpp — programs that live on blocks of 16 to 72 bytes, freed soon after: the hit path as
// programs meet it, with work between the calls and few objects alive.
//
// bignum  arithmetic on numbers of 192 bits; each result is a new object, operands are freed
// cover   families of bit vectors: all intersections of pairs, those inside another one dropped
// lists   linked lists of cells are built, mapped, reversed, filtered and given back
#include "harness.hpp"

using namespace workload;

namespace {

// --- bignum ----------------------------------------------------------------------------------

constexpr std::uint64_t kSteps = 1'200'000;
constexpr std::uint32_t kLimbs = 6;       // a reduced number: 192 bits
constexpr std::uint32_t kComplement = 237;  // the modulus is 2^192 - 237, a prime
constexpr std::uint32_t kRemembered = 25;

struct Number {
    std::uint32_t length;
    std::uint32_t check;  // exclusive or of the limbs
    std::uint32_t limbs[];
};

std::uint32_t fold(const Number* number) {
    std::uint32_t folded = number->length;
    for (std::uint32_t i = 0; i < number->length; ++i) folded ^= number->limbs[i];
    return folded;
}

Number* make_number(std::uint32_t length) {
    auto* number = reinterpret_cast<Number*>(
        allocate(sizeof(Number) + length * sizeof(std::uint32_t)));
    number->length = length;
    return number;
}

Number* sealed(Number* number) {
    number->check = fold(number);
    return number;
}

void release(Number* number) {
    if (number == nullptr)
        return;
    if (number->check != fold(number))
        fail("number overwritten", number);
    number->check = ~number->check;  // whoever holds it too will see
    escape(number);
    std::free(number);
}

/// The full product, twice as long.
Number* square(const Number* x) {
    Number* product = make_number(2 * x->length);
    for (std::uint32_t i = 0; i < product->length; ++i) product->limbs[i] = 0;
    for (std::uint32_t i = 0; i < x->length; ++i) {
        std::uint64_t carry = 0;
        for (std::uint32_t j = 0; j < x->length; ++j) {
            carry += std::uint64_t{x->limbs[i]} * x->limbs[j] + product->limbs[i + j];
            product->limbs[i + j] = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
        product->limbs[i + x->length] = static_cast<std::uint32_t>(carry);
    }
    return sealed(product);
}

/// x + addend modulo the modulus (up to one multiple of it), for x of 6 or 12 limbs.
Number* reduce(const Number* x, std::uint32_t addend) {
    Number* rest = make_number(kLimbs);
    std::uint64_t carry = addend;
    for (std::uint32_t i = 0; i < kLimbs; ++i) {
        carry += x->limbs[i];
        if (x->length > kLimbs)
            carry += std::uint64_t{x->limbs[i + kLimbs]} * kComplement;
        rest->limbs[i] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
    }
    for (carry *= kComplement; carry != 0;) {
        for (std::uint32_t i = 0; i < kLimbs && carry != 0; ++i) {
            carry += rest->limbs[i];
            rest->limbs[i] = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
        carry *= kComplement;
    }
    return sealed(rest);
}

Tally bignum(std::uint64_t steps, std::uint64_t seed) {
    MappedArray<Number*> remembered(kRemembered);
    Tally tally;
    Number* x = make_number(kLimbs);
    for (std::uint32_t i = 0; i < kLimbs; ++i) x->limbs[i] = static_cast<std::uint32_t>(seed + i);
    sealed(x);
    for (std::uint64_t step = 0; step < steps; ++step) {
        Number* squared = square(x);
        Number* reduced = reduce(squared, 0);
        release(squared);
        Number*& oldest = remembered[step % kRemembered];
        release(oldest);
        oldest = x;
        x = reduce(reduced, static_cast<std::uint32_t>(step | 1));
        release(reduced);
        tally.checksum += x->check;
    }
    release(x);
    for (Number* number : remembered) release(number);
    tally.operations = 3 * steps + 1;
    return tally;
}

// --- cover -----------------------------------------------------------------------------------

constexpr std::uint64_t kFamilies = 2'500;
constexpr std::uint32_t kVectors = 40;
constexpr std::uint32_t kMostWords = 8;

struct BitVector {
    std::uint32_t words;
    std::uint32_t check;
    std::uint64_t bits[];
};

BitVector* make_vector(std::uint32_t words) {
    auto* vector = reinterpret_cast<BitVector*>(
        allocate(sizeof(BitVector) + words * sizeof(std::uint64_t)));
    vector->words = words;
    vector->check = ~words;
    return vector;
}

std::uint64_t release(BitVector* vector) {
    if (vector->check != ~vector->words || vector->words > kMostWords)
        fail("vector overwritten", vector);
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < vector->words; ++i)
        sum += static_cast<std::uint64_t>(__builtin_popcountll(vector->bits[i]));
    vector->check = vector->words;  // whoever holds it too will see
    escape(vector);
    std::free(vector);
    return sum;
}

bool contains(const BitVector* outer, const BitVector* inner) {
    for (std::uint32_t i = 0; i < outer->words; ++i)
        if ((inner->bits[i] & ~outer->bits[i]) != 0)
            return false;
    return true;
}

/// A growing array of vectors: pointers in one object that realloc extends.
class Family {
public:
    void add(BitVector* vector) {
        if (count_ == room_) {
            room_ = room_ == 0 ? 4 : room_ * 2;
            members_ = static_cast<BitVector**>(std::realloc(members_, room_ * sizeof *members_));
            if (members_ == nullptr)
                fail("out of memory", nullptr);
        }
        members_[count_++] = vector;
    }
    [[nodiscard]] bool covers(const BitVector* vector) const {
        const std::uint32_t first = count_ > 8 ? count_ - 8 : 0;
        for (std::uint32_t i = first; i < count_; ++i)
            if (contains(members_[i], vector))
                return true;
        return false;
    }
    std::uint64_t release_all() {
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < count_; ++i) sum += release(members_[i]);
        std::free(members_);
        return sum;
    }
    [[nodiscard]] std::uint32_t count() const { return count_; }
    BitVector* operator[](std::uint32_t i) const { return members_[i]; }

private:
    BitVector** members_ = nullptr;
    std::uint32_t count_ = 0;
    std::uint32_t room_ = 0;
};

Tally cover(std::uint64_t families, std::uint64_t seed) {
    Random random(seed);
    Tally tally;
    for (std::uint64_t round = 0; round < families; ++round) {
        const std::uint32_t words = random.between(1, kMostWords);
        Family given;
        for (std::uint32_t i = 0; i < kVectors; ++i) {
            BitVector* vector = make_vector(words);
            for (std::uint32_t w = 0; w < words; ++w) vector->bits[w] = random.next() | random.next();
            given.add(vector);
        }
        Family meets;
        for (std::uint32_t i = 0; i < given.count(); ++i) {
            for (std::uint32_t j = i + 1; j < given.count(); ++j) {
                BitVector* both = make_vector(words);
                for (std::uint32_t w = 0; w < words; ++w)
                    both->bits[w] = given[i]->bits[w] & given[j]->bits[w] & ~(1ULL << (i + j) % 61);
                if (meets.covers(both) || (i + j) % 3 != 0) {
                    tally.checksum += release(both);
                } else {
                    meets.add(both);
                }
                ++tally.operations;
            }
        }
        tally.checksum += meets.release_all() + given.release_all();
        tally.operations += kVectors;
    }
    return tally;
}

// --- lists -----------------------------------------------------------------------------------

constexpr std::uint64_t kPrograms = 12'000;
constexpr std::uint32_t kMostCells = 400;

struct Cell {
    Cell* next;
    std::uint64_t value;
};

Cell* cons(std::uint64_t value, Cell* next) {
    auto* cell = reinterpret_cast<Cell*>(allocate(sizeof(Cell)));
    *cell = {next, value};
    return cell;
}

/// A cell that is in two places can close a list into a ring; so all walks count.
void count_cell(const Cell* cell, std::uint32_t& cells) {
    if (++cells > kMostCells)
        fail("list overwritten", cell);
}

/// Gives every cell back. @return the sum of the values.
std::uint64_t give_back(Cell* list) {
    std::uint64_t sum = 0;
    std::uint32_t cells = 0;
    while (list != nullptr) {
        count_cell(list, cells);
        Cell* next = list->next;
        sum += list->value;
        std::free(list);
        list = next;
    }
    return sum;
}

/// A new list, reversed, of 2 v + 1 for each v; the old one is given back cell by cell.
Cell* map_reversed(Cell* list) {
    Cell* result = nullptr;
    std::uint32_t cells = 0;
    while (list != nullptr) {
        count_cell(list, cells);
        Cell* next = list->next;
        result = cons(2 * list->value + 1, result);
        std::free(list);
        list = next;
    }
    return result;
}

Tally lists(std::uint64_t programs, std::uint64_t seed) {
    Random random(seed);
    Tally tally;
    for (std::uint64_t round = 0; round < programs; ++round) {
        const std::uint64_t cells = random.between(1, kMostCells);
        Cell* list = nullptr;
        for (std::uint64_t i = 1; i <= cells; ++i) list = cons(i, list);
        list = map_reversed(list);
        Cell* small = nullptr;  // a copy of those not above the middle
        std::uint32_t seen = 0;
        for (const Cell* cell = list; cell != nullptr; cell = cell->next) {
            count_cell(cell, seen);
            if (cell->value <= cells + 1)
                small = cons(cell->value, small);
        }
        list = map_reversed(list);
        // 1..n, twice 2 v + 1: 4 v + 3. The copy: 3, 5, ... up to n + 1.
        const std::uint64_t half = cells / 2;
        const std::uint64_t all_sum = give_back(list);
        const std::uint64_t small_sum = give_back(small);
        if (all_sum != 2 * cells * (cells + 1) + 3 * cells || small_sum != half * (half + 2))
            fail("list overwritten", list);
        tally.checksum += all_sum + small_sum;
        tally.operations += 3 * cells + half;
    }
    return tally;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse_options(argc, argv, "bignum|cover|lists");
    Report report("tiny", options);
    report.start();
    const Tally tally = run_threads(options.threads, [&](unsigned index) {
        const std::uint64_t seed = options.seed + index;
        if (options.mode == "bignum")
            return bignum(options.scaled(kSteps), seed);
        if (options.mode == "cover")
            return cover(options.scaled(kFamilies), seed);
        return lists(options.scaled(kPrograms), seed);
    });
    report.stop();
    return report.print(tally);
}
