// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bitmap.hpp — a fixed number of bits with ranges and searches, a word at a time.
//
// Role        Which pages of a chunk are free, dirty or zero; which regions of a run are.
// Owns        words_, bit i in word i / 64 at place i % 64.
// Invariants  M1  bits at and beyond `Bits` in the last word are zero.
//             M2  zero bytes are a valid bitmap with no bit set.
// Locking     none; not atomic.
// Cost        O(words touched), no loop at all within one word.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <granary/base/bits.hpp>
#include <granary/base/panic.hpp>

namespace granary::base {

template <size_t Bits>
class Bitmap {
    static_assert(Bits > 0);

public:
    static constexpr size_t kBits = Bits;
    static constexpr size_t kWordBits = 64;
    static constexpr size_t kWords = (Bits + kWordBits - 1) / kWordBits;

    [[nodiscard]] static constexpr size_t size() noexcept { return Bits; }

    [[nodiscard]] constexpr bool test(size_t i) const noexcept {
        GRANARY_ASSERT(i < Bits, "M1");
        return ((words_[i / kWordBits] >> (i % kWordBits)) & 1U) != 0;
    }

    constexpr void set(size_t i) noexcept {
        GRANARY_ASSERT(i < Bits, "M1");
        words_[i / kWordBits] |= bit(i);
    }

    constexpr void clear(size_t i) noexcept {
        GRANARY_ASSERT(i < Bits, "M1");
        words_[i / kWordBits] &= ~bit(i);
    }

    constexpr void set_all() noexcept { set_range(0, Bits); }
    constexpr void clear_all() noexcept { words_ = {}; }

    /// Bits first .. first + count - 1; an empty range is allowed anywhere up to `Bits`.
    constexpr void set_range(size_t first, size_t count) noexcept {
        each_word(first, count, [this](size_t w, uint64_t mask) {
            words_[w] |= mask;
            return true;
        });
    }

    constexpr void clear_range(size_t first, size_t count) noexcept {
        each_word(first, count, [this](size_t w, uint64_t mask) {
            words_[w] &= ~mask;
            return true;
        });
    }

    /// False for an empty range.
    [[nodiscard]] constexpr bool any_in_range(size_t first, size_t count) const noexcept {
        return !each_word(first, count,
                          [this](size_t w, uint64_t mask) { return (words_[w] & mask) == 0; });
    }

    /// True for an empty range.
    [[nodiscard]] constexpr bool all_in_range(size_t first, size_t count) const noexcept {
        return each_word(first, count,
                         [this](size_t w, uint64_t mask) { return (words_[w] & mask) == mask; });
    }

    /// True for an empty range.
    [[nodiscard]] constexpr bool none_in_range(size_t first, size_t count) const noexcept {
        return !any_in_range(first, count);
    }

    [[nodiscard]] constexpr bool none() const noexcept {
        for (const uint64_t word : words_) {
            if (word != 0) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] constexpr bool any() const noexcept { return !none(); }

    [[nodiscard]] constexpr size_t count() const noexcept {
        size_t total = 0;
        for (const uint64_t word : words_) {
            // PERF: most words of most maps are empty, and counting bits is not one instruction.
            if (word != 0)
                total += popcount(word);
        }
        return total;
    }

    /// Set bits within the range.
    [[nodiscard]] constexpr size_t count_range(size_t first, size_t count) const noexcept {
        size_t total = 0;
        each_word(first, count, [this, &total](size_t w, uint64_t mask) {
            total += popcount(words_[w] & mask);
            return true;
        });
        return total;
    }

    /// Lowest set bit at or after `from` (at most `Bits`); `Bits` if there is none.
    [[nodiscard]] constexpr size_t find_first_set(size_t from = 0) const noexcept {
        return find_first<false>(from);
    }

    /// Lowest clear bit at or after `from` (at most `Bits`); `Bits` if there is none.
    [[nodiscard]] constexpr size_t find_first_clear(size_t from = 0) const noexcept {
        return find_first<true>(from);
    }

    /// One past the highest set bit below `end` (at most `Bits`); 0 if there is none.
    [[nodiscard]] constexpr size_t find_end_of_set(size_t end = Bits) const noexcept {
        GRANARY_ASSERT(end <= Bits, "M1");
        size_t w = end / kWordBits;
        uint64_t word = end % kWordBits == 0 ? 0 : words_[w] & (bit(end) - 1);
        while (word == 0 && w != 0) word = words_[--w];
        return word == 0 ? 0 : (w + 1) * kWordBits - static_cast<size_t>(std::countl_zero(word));
    }

    [[nodiscard]] constexpr uint64_t word(size_t i) const noexcept { return words_[i]; }
    /// For loops that work on whole words; whoever writes keeps M1.
    [[nodiscard]] constexpr uint64_t& word(size_t i) noexcept { return words_[i]; }
    [[nodiscard]] constexpr std::span<const uint64_t, kWords> words() const noexcept {
        return words_;
    }
    [[nodiscard]] constexpr std::span<uint64_t, kWords> words() noexcept { return words_; }

    [[nodiscard]] friend constexpr Bitmap bit_and(const Bitmap& a, const Bitmap& b) noexcept {
        Bitmap result;
        for (size_t w = 0; w < kWords; ++w) {
            result.words_[w] = a.words_[w] & b.words_[w];
        }
        return result;
    }

    [[nodiscard]] friend constexpr Bitmap bit_or(const Bitmap& a, const Bitmap& b) noexcept {
        Bitmap result;
        for (size_t w = 0; w < kWords; ++w) {
            result.words_[w] = a.words_[w] | b.words_[w];
        }
        return result;
    }

    /// a without what is in b.
    [[nodiscard]] friend constexpr Bitmap and_not(const Bitmap& a, const Bitmap& b) noexcept {
        Bitmap result;
        for (size_t w = 0; w < kWords; ++w) {
            result.words_[w] = a.words_[w] & ~b.words_[w];
        }
        return result;
    }

    [[nodiscard]] friend constexpr Bitmap bit_not(const Bitmap& a) noexcept {
        Bitmap result;
        for (size_t w = 0; w < kWords; ++w) {
            result.words_[w] = ~a.words_[w];
        }
        result.words_[kWords - 1] &= kLastMask;
        return result;
    }

    [[nodiscard]] constexpr bool operator==(const Bitmap&) const noexcept = default;

private:
    static constexpr uint64_t kOnes = ~uint64_t{0};
    static constexpr uint64_t kLastMask = kOnes >> (kWords * kWordBits - Bits);

    [[nodiscard]] static constexpr uint64_t bit(size_t i) noexcept {
        return uint64_t{1} << (i % kWordBits);
    }

    /// Calls `visit(word, mask)` for each word of the range until it says false; true if none did.
    template <class Visit>
    static constexpr bool each_word(size_t first, size_t count, Visit visit) noexcept {
        GRANARY_ASSERT(first <= Bits && count <= Bits - first, "M1");
        if (count == 0) {
            return true;
        }
        const size_t last = first + count - 1;
        const size_t first_word = first / kWordBits;
        const size_t last_word = last / kWordBits;
        const uint64_t head = kOnes << (first % kWordBits);
        const uint64_t tail = kOnes >> (kWordBits - 1 - last % kWordBits);
        if (first_word == last_word) {
            return visit(first_word, head & tail);
        }
        if (!visit(first_word, head)) {
            return false;
        }
        for (size_t w = first_word + 1; w < last_word; ++w) {
            if (!visit(w, kOnes)) {
                return false;
            }
        }
        return visit(last_word, tail);
    }

    template <bool Inverted>
    [[nodiscard]] constexpr size_t find_first(size_t from) const noexcept {
        GRANARY_ASSERT(from <= Bits, "M1");
        if (from >= Bits) {
            return Bits;
        }
        size_t w = from / kWordBits;
        uint64_t word = seen<Inverted>(w) & (kOnes << (from % kWordBits));
        while (word == 0) {
            if (++w == kWords) {
                return Bits;
            }
            word = seen<Inverted>(w);
        }
        return w * kWordBits + static_cast<size_t>(std::countr_zero(word));
    }

    /// The word as the search sees it: the padding of the last word never matches.
    template <bool Inverted>
    [[nodiscard]] constexpr uint64_t seen(size_t w) const noexcept {
        if constexpr (!Inverted) {
            return words_[w];
        } else {
            return w == kWords - 1 ? ~words_[w] & kLastMask : ~words_[w];
        }
    }

    std::array<uint64_t, kWords> words_{};
};

}  // namespace granary::base
