// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// misuse.cpp — commits one misuse of the allocator and reports if it got away with it.
//
// Role        misuse <case> <size>. Prints "address <hex>" on stdout right before the offending call,
//             so that the caller can compare it with the message. Exits 0 if nothing stopped it,
//             2 if the case is unknown.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "../support/abi.hpp"

namespace {

using granary::tests::Abi;
using granary::tests::flush_thread_cache;
using granary::tests::purge_all_arenas;
using granary::tests::tested_abi;

const Abi& abi = tested_abi();
alignas(4096) char static_bytes[8192];

char* announced(void* pointer) {
    char text[64];
    const int length = std::snprintf(text, sizeof text, "address %p\n", pointer);
    if (write(STDOUT_FILENO, text, static_cast<size_t>(length)) != length)
        std::abort();
    // What happens next is the point of the program: the compiler must not reason about it.
    asm volatile("" : "+r"(pointer) : : "memory");
    return static_cast<char*>(pointer);
}

/// The call that is made with a wrong address.
using Call = void (*)(void* pointer);

char* allocate(size_t size) {
    char* const region = static_cast<char*>(abi.malloc(size));
    if (region == nullptr)
        std::abort();
    std::memset(region, 7, size);
    asm volatile("" : : "r"(region) : "memory");
    return region;
}

void double_free_at_once(size_t size) {
    char* const region = allocate(size);
    abi.free(region);
    abi.free(announced(region));
}

/// Sends every cached region home to its run: at the latest there a second free is seen.
void settle() {
    if (!flush_thread_cache(abi) || !purge_all_arenas(abi))
        std::abort();
}

void double_free_after_flush(size_t size) {
    char* const region = allocate(size);
    char* const neighbour = allocate(size);  // keeps the run alive
    abi.free(region);
    settle();
    abi.free(announced(region));
    settle();
    abi.free(neighbour);
}

void double_free_interleaved(size_t size) {
    char* const region = allocate(size);
    char* const other = allocate(size);
    abi.free(region);
    abi.free(other);
    abi.free(announced(region));
    settle();
}

void double_free_by_another_thread(size_t size) {
    char* const region = allocate(size);
    char* const neighbour = allocate(size);
    std::thread([&] {
        abi.free(region);
        abi.free(announced(region));
    }).join();
    settle();
    abi.free(neighbour);
}

void double_free_by_two_threads(size_t size) {
    char* const region = allocate(size);
    char* const neighbour = allocate(size);
    announced(region);
    std::thread([&] { abi.free(region); }).join();
    std::thread([&] { abi.free(region); }).join();
    settle();
    abi.free(neighbour);
}

void double_free_by_owner_after_another_thread(size_t size) {
    char* const region = allocate(size);
    char* const neighbour = allocate(size);
    std::thread([&] { abi.free(region); }).join();
    abi.free(announced(region));
    settle();
    abi.free(neighbour);
}

void realloc_after_free(size_t size) {
    char* const region = allocate(size);
    char* const neighbour = allocate(size);
    abi.free(region);
    settle();
    void* const moved = abi.realloc(announced(region), size * 3);
    settle();
    abi.free(moved);
    abi.free(neighbour);
}

template <Call call>
void on_stack(size_t) {
    char bytes[256];
    call(announced(bytes + 64));
}

template <Call call>
void on_static(size_t) {
    call(announced(static_bytes + 4096));
}

template <Call call>
void on_foreign_mapping(size_t size) {
    abi.free(allocate(size));
    void* const mapping =
        mmap(nullptr, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    call(announced(mapping));
}

template <Call call>
void on_never_mapped(size_t) {
    call(announced(reinterpret_cast<void*>(uintptr_t{0x10000})));
}

template <Call call>
void on_non_canonical(size_t) {
    call(announced(reinterpret_cast<void*>(uintptr_t{0xdead0000beef0000})));
}

template <Call call>
void on_interior(size_t size) {
    call(announced(allocate(size) + (size < 32 ? 8 : (size / 2) & ~size_t{15})));
}

template <Call call>
void on_interior_page(size_t size) {
    call(announced(allocate(size) + (size > 4096 ? 4096 : 8)));
}

template <Call call>
void on_unaligned(size_t size) {
    call(announced(allocate(size) + 1));
}

void call_free(void* pointer) { abi.free(pointer); }
void call_usable_size(void* pointer) { (void)abi.malloc_usable_size(pointer); }
void call_realloc(void* pointer) {
    void* const moved = abi.realloc(pointer, 12345);
    asm volatile("" : : "r"(moved) : "memory");
}

void sized_free_too_large(size_t size) {
    char* const region = allocate(size);
    const size_t usable = abi.malloc_usable_size(region);
    abi.free_sized(announced(region), usable + 1);
}

void sized_free_too_small(size_t size) {
    char* const region = allocate(size);
    abi.free_sized(announced(region), size / 2);
}

const std::map<std::string, void (*)(size_t)>& cases() {
    static const std::map<std::string, void (*)(size_t)> kCases = {
        {"double_free_at_once", double_free_at_once},
        {"double_free_after_flush", double_free_after_flush},
        {"double_free_interleaved", double_free_interleaved},
        {"double_free_by_another_thread", double_free_by_another_thread},
        {"double_free_by_two_threads", double_free_by_two_threads},
        {"double_free_by_owner_after_another_thread", double_free_by_owner_after_another_thread},
        {"realloc_after_free", realloc_after_free},
        {"free_of_stack", on_stack<call_free>},
        {"free_of_static", on_static<call_free>},
        {"free_of_foreign_mapping", on_foreign_mapping<call_free>},
        {"free_of_never_mapped", on_never_mapped<call_free>},
        {"free_of_non_canonical", on_non_canonical<call_free>},
        {"free_of_interior", on_interior<call_free>},
        {"free_of_interior_page", on_interior_page<call_free>},
        {"free_of_unaligned", on_unaligned<call_free>},
        {"realloc_of_stack", on_stack<call_realloc>},
        {"realloc_of_static", on_static<call_realloc>},
        {"realloc_of_foreign_mapping", on_foreign_mapping<call_realloc>},
        {"realloc_of_interior", on_interior<call_realloc>},
        {"realloc_of_unaligned", on_unaligned<call_realloc>},
        {"malloc_usable_size_of_stack", on_stack<call_usable_size>},
        {"malloc_usable_size_of_static", on_static<call_usable_size>},
        {"malloc_usable_size_of_interior", on_interior<call_usable_size>},
        {"malloc_usable_size_of_unaligned", on_unaligned<call_usable_size>},
        {"sized_free_too_large", sized_free_too_large},
        {"sized_free_too_small", sized_free_too_small},
    };
    return kCases;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || !cases().contains(argv[1])) {
        std::fprintf(stderr, "usage: misuse <case> <size>\n");
        return 2;
    }
    cases().at(argv[1])(std::strtoul(argv[2], nullptr, 10));
    return 0;
}
