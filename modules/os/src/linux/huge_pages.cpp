// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// huge_pages.cpp — see the header.
#include <granary/os/huge_pages.hpp>

#include <array>

#include <granary/os/io.hpp>

namespace granary::os {

std::string_view thp_mode() noexcept {
    std::array<char, 64> text;
    const long size =
        read_file("/sys/kernel/mm/transparent_hugepage/enabled", text.data(), text.size());
    return parse_thp_mode({text.data(), size > 0 ? static_cast<size_t>(size) : 0});
}

std::string_view parse_thp_mode(std::string_view text) noexcept {
    if (text.find("[madvise]") != std::string_view::npos)
        return "default";
    if (text.find("[always]") != std::string_view::npos)
        return "always";
    return text.find("[never]") != std::string_view::npos ? "never" : "not supported";
}

}  // namespace granary::os
