// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// malloc_free_bench.cpp — granary's entry points, called by their own names.
//
// Role        For changes to the hit paths, before and after. Comparisons with other allocators
//             are bench/compare's task: they need the libc names and whole processes.
#include <benchmark/benchmark.h>
#include <granary/granary.h>

#include <array>
#include <cstddef>

namespace {

void pair(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        void* pointer = granary_malloc(size);
        benchmark::DoNotOptimize(pointer);
        granary_free(pointer);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(pair)->Arg(16)->Arg(64)->Arg(256)->Arg(1024)->Arg(4096)->Arg(16384)->Arg(102400)->Arg(
    1 << 20);

/// `range(0)` objects of 64 bytes; freed in the order given by `range(1)`: 0 first in first out.
void bulk(benchmark::State& state) {
    static std::array<void*, 10000> pointers;
    const auto count = static_cast<std::size_t>(state.range(0));
    const bool reversed = state.range(1) != 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < count; ++i) pointers[i] = granary_malloc(64);
        benchmark::ClobberMemory();
        for (std::size_t i = 0; i < count; ++i)
            granary_free(pointers[reversed ? count - 1 - i : i]);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bulk)->ArgsProduct({{25, 1000, 10000}, {0, 1}});

void calloc_pair(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        void* pointer = granary_calloc(1, size);
        benchmark::DoNotOptimize(pointer);
        granary_free(pointer);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(calloc_pair)->Arg(64)->Arg(4096);

void aligned_pair(benchmark::State& state) {
    const auto alignment = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        void* pointer = granary_aligned_alloc(alignment, alignment);
        benchmark::DoNotOptimize(pointer);
        granary_free(pointer);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(aligned_pair)->Arg(64)->Arg(4096);

void realloc_in_place(benchmark::State& state) {
    void* pointer = granary_malloc(100);
    std::size_t size = 100;
    for (auto _ : state) {
        size = size == 100 ? 104 : 100;
        pointer = granary_realloc(pointer, size);
        benchmark::DoNotOptimize(pointer);
    }
    granary_free(pointer);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(realloc_in_place);

void usable_size(benchmark::State& state) {
    void* pointer = granary_malloc(100);
    for (auto _ : state) benchmark::DoNotOptimize(granary_malloc_usable_size(pointer));
    granary_free(pointer);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(usable_size);

}  // namespace

BENCHMARK_MAIN();
