// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// thread_id.cpp — the kernel's thread id.
#include <granary/os/thread.hpp>

#include "linux/raw_syscall.hpp"

namespace granary::os {

uint32_t thread_id() noexcept { return static_cast<uint32_t>(raw::call(SYS_gettid)); }

}  // namespace granary::os
