// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// places.cpp — option text from the build, the program's variables, links and the environment.
//
// Role        GRANARY_NAMES_C, _JE and _RJEM say which names this library has (CMakeLists.txt).
//             With jemalloc's names it has jemalloc's variables, as weak definitions that a
//             program's own replace; without them it only looks whether there are any.
// Invariants  L3  link and environment are not read in secure mode.
#include "places.hpp"

#include <cerrno>

#include <unistd.h>

#include <granary/granary.h>
#include <granary/base/attributes.hpp>
#include <granary/base/build_config.hpp>
#include <granary/os/env.hpp>
#include <granary/os/io.hpp>

namespace {
using Message = void (*)(void* opaque, const char* text);
}  // namespace

#define GRANARY_WEAK __attribute__((weak, visibility("default")))

extern "C" {
extern GRANARY_WEAK const char* granary_conf;
#if GRANARY_NAMES_C
GRANARY_WEAK const char* malloc_conf = nullptr;
GRANARY_WEAK const char* malloc_conf_2_conf_harder = nullptr;
GRANARY_WEAK Message malloc_message = nullptr;
#elif !GRANARY_NAMES_RJEM
extern GRANARY_WEAK const char* malloc_conf;
#endif
#if GRANARY_NAMES_JE
GRANARY_WEAK const char* je_malloc_conf = nullptr;
GRANARY_WEAK const char* je_malloc_conf_2_conf_harder = nullptr;
GRANARY_WEAK Message je_malloc_message = nullptr;
#endif
#if GRANARY_NAMES_RJEM
GRANARY_WEAK const char* _rjem_malloc_conf = nullptr;
GRANARY_WEAK const char* _rjem_malloc_conf_2_conf_harder = nullptr;
GRANARY_WEAK Message _rjem_malloc_message = nullptr;
#endif
}

#if GRANARY_NAMES_C
// Programs look for some functions by weak references, which pull nothing out of an archive: whoever
// gets malloc from there gets these files too.
[[gnu::used]] static void* const kPulled[] = {
    // SAFETY: only the references count.
    reinterpret_cast<void*>(&granary_mallocx),
    reinterpret_cast<void*>(&granary_mallctl),
    reinterpret_cast<void*>(&granary_memalign),
};
#endif

namespace granary::capi {
namespace {

using ctl::ConfPlace;

/// One set of names: each but the variable's value is a name.
struct Family {
    const char* const* variable;
    const char* const* harder;
    const Message* message;
    const char* variable_name;
    const char* harder_name;
    const char* link;
    const char* environment;
};

/// Low to high.
constexpr Family kFamilies[] = {
#if GRANARY_NAMES_C
    {&malloc_conf, &malloc_conf_2_conf_harder, &malloc_message, "malloc_conf",
     "malloc_conf_2_conf_harder", "/etc/malloc.conf", "MALLOC_CONF"},
#elif !GRANARY_NAMES_RJEM
    {&malloc_conf, nullptr, nullptr, "malloc_conf", nullptr, nullptr, "MALLOC_CONF"},
#endif
#if GRANARY_NAMES_JE
    {&je_malloc_conf, &je_malloc_conf_2_conf_harder, &je_malloc_message, "je_malloc_conf",
     "je_malloc_conf_2_conf_harder", "/etc/je_malloc.conf", "JE_MALLOC_CONF"},
#endif
#if GRANARY_NAMES_RJEM
    {&_rjem_malloc_conf, &_rjem_malloc_conf_2_conf_harder, &_rjem_malloc_message,
     "_rjem_malloc_conf", "_rjem_malloc_conf_2_conf_harder", "/etc/_rjem_malloc.conf",
     "_RJEM_MALLOC_CONF"},
#endif
    {&granary_conf, nullptr, nullptr, "granary_conf", nullptr, "/etc/granary.conf", "GRANARY_CONF"},
};
constexpr size_t kFamilyCount = sizeof kFamilies / sizeof kFamilies[0];
constexpr size_t kPlacesPerFamily = 4;
constexpr size_t kMaxLinkText = 1023;

/// The target of a link, which is option text and not a path; nullptr if there is no link.
const char* link_text(const char* link, char (&buffer)[kMaxLinkText + 1]) noexcept {
    if (link == nullptr || os::is_secure_mode())
        return nullptr;
    const int saved = errno;
    const ssize_t size = ::readlink(link, buffer, kMaxLinkText);
    errno = saved;
    if (size <= 0)
        return nullptr;
    buffer[size] = '\0';
    return buffer;
}

/// A variable that may not be there, and may be empty.
const char* value_of(const char* const* variable) noexcept {
    return variable != nullptr ? *variable : nullptr;
}

bool deliver(const char* text) noexcept {
    for (const Family& family : kFamilies) {
        if (family.message != nullptr && *family.message != nullptr) {
            (*family.message)(nullptr, text);
            return true;
        }
    }
    return false;
}

}  // namespace

bool read_places() noexcept {
    char links[kFamilyCount][kMaxLinkText + 1];
    ctl::ConfSource sources[1 + kFamilyCount * kPlacesPerFamily];
    size_t count = 0;
    auto add = [&](const char* name, const char* text, ConfPlace place) {
        if (text != nullptr)
            sources[count++] = {name, text, place};
    };
    if (!base::kMallocConf.empty())
        add("the build", base::kMallocConf.data(), ConfPlace::build);
    for (const Family& family : kFamilies)
        add(family.variable_name, value_of(family.variable), ConfPlace::variable);
    for (size_t i = 0; i < kFamilyCount; ++i)
        add(kFamilies[i].link, link_text(kFamilies[i].link, links[i]), ConfPlace::link);
    for (const Family& family : kFamilies)
        add(family.environment, os::environment(family.environment), ConfPlace::environment);
    for (const Family& family : kFamilies)
        add(family.harder_name, value_of(family.harder), ConfPlace::harder);
    if (count == 0)
        return false;
    static_cast<void>(ctl::load_settings({sources, count}, ctl::stderr_diagnostics()));
    return true;
}

void redirect_messages() noexcept {
    if constexpr (GRANARY_NAMES_C || GRANARY_NAMES_RJEM)
        os::redirect_messages([](const char* text) noexcept { return deliver(text); });
}

}  // namespace granary::capi
