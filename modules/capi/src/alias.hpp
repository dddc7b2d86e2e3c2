// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// alias.hpp — a second name for a function of the same file: the same address, no jump.
#pragma once

// GCC wants an alias to promise what its target promises.
#if __has_attribute(copy)
#define GRANARY_ALIAS(target) __attribute__((visibility("default"), alias(#target), copy(target)))
#else
#define GRANARY_ALIAS(target) __attribute__((visibility("default"), alias(#target)))
#endif
