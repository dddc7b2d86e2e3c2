// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// places.hpp — where a library's option text comes from, and where its messages go.
//
// Role        The one thing besides names in which the libraries differ: each reads the variables,
//             links and environment variables that go with its names (docs/options.md).
#pragma once

#include <granary/ctl/conf.hpp>

namespace granary::capi {

/// Reads this library's texts and settles the options. False if there is no text at all: the options
/// keep their defaults, and nothing of ctl was touched.
[[nodiscard]] bool read_places() noexcept;

/// Sends messages to the program's malloc_message, when it has one.
void redirect_messages() noexcept;

}  // namespace granary::capi
