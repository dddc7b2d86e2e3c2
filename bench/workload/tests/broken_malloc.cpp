// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// broken_malloc.cpp — an allocator with one defect, chosen by BROKEN_MALLOC, to be preloaded
// under the workload programs: their self-checks have to see it.
//
// twice    one malloc in 200 returns the object that the call before returned
// dirty    calloc does not zero
// crooked  posix_memalign ignores the alignment
// forget   realloc moves without copying
//
// Memory is carved from one big mapping and never used again; good enough for a short test.
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::size_t kReserve = std::size_t{64} << 30;
constexpr std::size_t kHeader = 16;
constexpr unsigned kHonestCalls = 500;  // libraries that start up are left in peace
constexpr unsigned kEvery = 200;

std::atomic<char*> g_next{nullptr};
std::atomic<unsigned> g_calls{0};
std::atomic<char*> g_previous{nullptr};

bool defect(const char* name) {
    const char* chosen = std::getenv("BROKEN_MALLOC");
    return chosen != nullptr && std::strcmp(chosen, name) == 0;
}

char* carve(std::size_t alignment, std::size_t size) {
    if (g_next.load() == nullptr) {
        void* base = mmap(nullptr, kReserve, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
            return nullptr;
        char* expected = nullptr;
        if (!g_next.compare_exchange_strong(expected, static_cast<char*>(base)))
            munmap(base, kReserve);
    }
    const std::size_t room = kHeader + alignment + ((size + 15) & ~std::size_t{15});
    const auto start =
        reinterpret_cast<std::uintptr_t>(g_next.fetch_add(static_cast<std::ptrdiff_t>(room)));
    const std::uintptr_t address = (start + kHeader + alignment - 1) & ~(alignment - 1);
    char* object = reinterpret_cast<char*>(address);
    std::memcpy(object - 8, &size, sizeof size);
    return object;
}

std::size_t size_of(const void* pointer) {
    std::size_t size = 0;
    std::memcpy(&size, static_cast<const char*>(pointer) - 8, sizeof size);
    return size;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
    const unsigned call = g_calls.fetch_add(1);
    char* previous = g_previous.load();
    if (call > kHonestCalls && call % kEvery == 0 && previous != nullptr &&
        size_of(previous) >= size && defect("twice"))
        return previous;
    char* object = carve(16, size);
    if (size >= 16)
        g_previous.store(object);
    return object;
}

void free(void*) {}

void* calloc(std::size_t count, std::size_t size) {
    void* object = malloc(count * size);
    if (object != nullptr && size > 64 && defect("dirty"))
        std::memset(object, 0x5A, count * size);
    else if (object != nullptr)
        std::memset(object, 0, count * size);
    return object;
}

void* realloc(void* pointer, std::size_t size) {
    void* object = malloc(size);
    if (object == nullptr || pointer == nullptr)
        return object;
    const std::size_t old_size = size_of(pointer);
    if (!defect("forget"))
        std::memcpy(object, pointer, old_size < size ? old_size : size);
    return object;
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
    *out = defect("crooked") ? carve(16, size + 16) + 16 : carve(alignment, size);
    return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"
