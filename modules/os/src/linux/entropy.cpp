// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// entropy.cpp — getrandom, else the random bytes that the kernel gave the process at its start.
#include <granary/os/entropy.hpp>

#include <sys/auxv.h>
#include <sys/random.h>
#include <cstring>

#include <granary/base/prng.hpp>
#include <granary/os/clock.hpp>
#include <granary/os/thread.hpp>

#include "linux/raw_syscall.hpp"

namespace granary::os {

uint64_t random_seed() noexcept {
    uint64_t seed = 0;
    if (raw::call(SYS_getrandom, &seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) {
        return seed;
    }
    // SAFETY: AT_RANDOM is the address of 16 bytes on the process's first stack page, or 0.
    if (const auto* bytes = reinterpret_cast<const char*>(getauxval(AT_RANDOM)); bytes != nullptr) {
        // The second half: the first one is the stack protector's canary.
        std::memcpy(&seed, bytes + sizeof seed, sizeof seed);
    }
    seed ^= now_ns() ^ (uint64_t{thread_id()} << 32);
    return base::splitmix64(seed);
}

}  // namespace granary::os
