// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// header_cxx11.cpp — granary.h is C++11 and stands alone.
#include <granary/granary.h>

static_assert(noexcept(granary_malloc(1)), "callers need no landing pads");

void* granary_header_check_cxx11(size_t size) { return granary_calloc(1, size); }
