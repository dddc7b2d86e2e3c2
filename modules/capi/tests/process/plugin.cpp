// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// plugin.cpp — C++ that enters a C program late: its exceptions and its new-handler must work.
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace {

volatile size_t g_too_much = SIZE_MAX / 2 + 1;
char* volatile g_used = nullptr;
int g_handler_calls = 0;

bool throws(void (*body)()) {
    try {
        body();
    } catch (const std::bad_alloc&) {
        return true;
    }
    return false;
}

}  // namespace

/// 0, or the number of the first thing that went wrong.
extern "C" int run_plugin() {
    if (!throws([] { ::operator delete(::operator new(g_too_much)); }))
        return 1;
    if (!throws([] { ::operator delete(::operator new (g_too_much, std::align_val_t{64})); }))
        return 2;
    if (!throws([] { g_used = std::vector<char>(g_too_much - 10).data(); }))
        return 3;
    if (::operator new(g_too_much, std::nothrow) != nullptr)
        return 4;

    std::set_new_handler([] {
        if (++g_handler_calls == 2)
            std::set_new_handler(nullptr);
    });
    if (!throws([] { ::operator delete(::operator new(g_too_much)); }))
        return 5;
    if (g_handler_calls != 2)
        return 6;

    std::set_new_handler([] { throw std::bad_alloc(); });
    if (::operator new(g_too_much, std::nothrow) != nullptr)
        return 7;
    if (::operator new (g_too_much, std::align_val_t{64}, std::nothrow) != nullptr)
        return 8;
    std::set_new_handler(nullptr);
    return 0;
}
