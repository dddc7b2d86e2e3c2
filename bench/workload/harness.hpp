// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// harness.hpp — what every workload program shares: options, clock, stamps, the report line.
//
// Role        The programs beside it use malloc and free by their libc names and nothing of
//             granary, so that any allocator can be put under them by LD_PRELOAD.
// Invariants  H1  The checksum depends on the options alone, never on the allocator or on the
//                 order in which threads run; two allocators that disagree are a defect.
//             H2  The harness keeps its own arrays in mapped memory, so that peak memory and
//                 faults differ between allocators only by what the allocator does.
//             H3  Content that does not match its stamp ends the program with exit status 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

namespace workload {

/// What the command line may say: `--threads N --scale X --seed N --size BYTES --mode WORD`.
struct Options {
    unsigned threads = 1;    ///< threads that work at the same time, 1..256
    double scale = 1.0;      ///< factor on the work of each thread
    std::uint64_t seed = 1;  ///< same seed, same requests
    std::size_t size = 64;   ///< bytes; only the programs with one size read it
    std::string_view mode;   ///< variant of the program; empty means its first one

    /// Returns `work` operations times the scale, at least one.
    [[nodiscard]] std::uint64_t scaled(std::uint64_t work) const;
};

/// Reads the command line; exits with status 2 and a usage line if it does not understand it.
/// @param modes  the words that --mode accepts, separated by '|'; empty: --mode is refused.
[[nodiscard]] Options parse_options(int argc, char** argv, std::string_view modes = {});

/// Ends the program with exit status 1 and one line that says which content was lost.
[[noreturn]] void fail(const char* what, const void* address);

/// Keeps the compiler from seeing that an allocation is unused.
inline void escape(void* pointer) {
    asm volatile("" : : "g"(pointer) : "memory");
}

/// A small fast generator (xorshift64*); each thread owns one.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_((seed + 1) * 0x9E3779B97F4A7C15U) {
        for (int i = 0; i < 4; ++i) (void)next();
    }
    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1DU;
    }
    /// Uniform in [0, bound); bound below 2^32.
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }
    /// Uniform in [low, high], both below 2^32.
    std::uint32_t between(std::uint32_t low, std::uint32_t high) {
        return low + below(high - low + 1);
    }
    /// Size with density proportional to 1/size² in [low, high]: many small, few large.
    std::uint32_t inverse_square(std::uint32_t low, std::uint32_t high) {
        const double u = static_cast<double>(next() >> 11) * 0x1.0p-53;
        const double a = 1.0 / low;
        const double b = 1.0 / high;
        return static_cast<std::uint32_t>(1.0 / (a - u * (a - b)));
    }

private:
    std::uint64_t state_;
};

/// Zeroed memory straight from the system (H2).
[[nodiscard]] void* map_zeroed(std::size_t bytes);
void unmap(void* memory, std::size_t bytes);

/// Mapped elements, all bits zero at the start; elements are neither constructed nor destroyed.

template <typename T>
class MappedArray {
public:
    explicit MappedArray(std::size_t count)
        : data_(static_cast<T*>(map_zeroed(count * sizeof(T)))), count_(count) {}
    ~MappedArray() { unmap(data_, count_ * sizeof(T)); }
    MappedArray(const MappedArray&) = delete;
    MappedArray& operator=(const MappedArray&) = delete;
    T& operator[](std::size_t i) { return data_[i]; }
    T* begin() { return data_; }
    T* end() { return data_ + count_; }
    [[nodiscard]] std::size_t size() const { return count_; }

private:
    T* data_;
    std::size_t count_;
};

/// One live allocation and what its content has to be.
struct Slot {
    unsigned char* pointer;
    std::uint32_t size;
    std::uint32_t tag;
};

/// Writes the tag into the first and the last four bytes. Cost: two stores.
inline void stamp(unsigned char* pointer, std::size_t size, std::uint32_t tag) {
    __builtin_memcpy(pointer, &tag, 4);
    __builtin_memcpy(pointer + size - 4, &tag, 4);
}

/// Ends the program unless the content still carries the tag at both ends.
inline void check(const unsigned char* pointer, std::size_t size, std::uint32_t tag) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    __builtin_memcpy(&first, pointer, 4);
    __builtin_memcpy(&last, pointer + size - 4, 4);
    if (first != tag || last != tag) [[unlikely]]
        fail("stamp overwritten", pointer);
}

/// malloc that must succeed. `size` is at least 4.
inline unsigned char* allocate(std::size_t size) {
    auto* pointer = static_cast<unsigned char*>(std::malloc(size));
    if (pointer == nullptr) [[unlikely]]
        fail("out of memory", nullptr);
    escape(pointer);
    return pointer;
}

/// Allocates into an empty slot and stamps it.
inline void fill(Slot& slot, std::uint32_t size, std::uint32_t tag) {
    slot = {allocate(size), size, tag};
    stamp(slot.pointer, size, tag);
}

/// Checks and frees a slot; returns its tag for the checksum. An empty slot gives 0.
inline std::uint64_t drop(Slot& slot) {
    if (slot.pointer == nullptr)
        return 0;
    check(slot.pointer, slot.size, slot.tag);
    std::free(slot.pointer);
    slot.pointer = nullptr;
    return slot.tag;
}

/// What a thread hands back.
struct Tally {
    std::uint64_t operations = 0;  ///< allocating calls (malloc, calloc, realloc, …)
    std::uint64_t checksum = 0;    ///< sum of the tags seen; order does not matter (H1)

    void add(const Tally& other) {
        operations += other.operations;
        checksum += other.checksum;
    }
};

/// Runs `body(index)` in `count` threads and adds up what they return. One thread means the
/// calling thread: a single-threaded program must stay single-threaded, since allocators and
/// libc take shortcuts there that their users see too.
template <typename Body>
Tally run_threads(unsigned count, Body body) {
    if (count == 1)
        return body(0U);
    MappedArray<Tally> tallies(count);
    std::vector<std::thread> team;
    team.reserve(count);
    for (unsigned i = 0; i < count; ++i)
        team.emplace_back([&tallies, &body, i] { tallies[i] = body(i); });
    for (std::thread& member : team) member.join();
    Tally sum;
    for (const Tally& tally : tallies) sum.add(tally);
    return sum;
}

/// Takes the time and the counters, and prints the one line of JSON.
class Report {
public:
    Report(std::string_view workload, const Options& options);

    /// Starts the clock; called once, after the harness's own arrays exist.
    void start();
    /// Samples resident memory where the workload says that it is steady. Without a call the
    /// sample is taken by stop().
    void mark_steady();
    /// Stops the clock.
    void stop();
    /// Prints the line. @return the exit status for main.
    [[nodiscard]] int print(const Tally& tally) const;

private:
    struct Usage {
        double wall;
        double user;
        double system;
    };
    [[nodiscard]] static Usage usage_now();

    std::string_view workload_;
    Options options_;
    Usage begin_{};
    Usage end_{};
    long steady_kib_ = -1;
};

}  // namespace workload
