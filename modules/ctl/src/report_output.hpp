// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_output.hpp — buffered output of a report, and which parts of it are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <granary/base/fixed_string.hpp>
#include <granary/core/snapshot.hpp>
#include <granary/ctl/report.hpp>
#include <granary/os/io.hpp>

namespace granary::ctl {

/// Collects small pieces and hands them on in large ones.
class ReportOutput {
public:
    ReportOutput(ReportWriter writer, void* opaque) noexcept : writer_(writer), opaque_(opaque) {}
    ~ReportOutput() { flush(); }
    ReportOutput(const ReportOutput&) = delete;
    ReportOutput& operator=(const ReportOutput&) = delete;

    ReportOutput& text(std::string_view piece) noexcept {
        while (!piece.empty()) {
            if (buffer_.size() == buffer_.capacity())
                flush();
            const std::string_view part(piece.data(), smaller(piece.size(), buffer_.capacity() -
                                                                                buffer_.size()));
            buffer_.append(part);
            piece.remove_prefix(part.size());
        }
        return *this;
    }

    ReportOutput& number(uint64_t value) noexcept {
        return text(Digits().append_decimal(value).view());
    }

    ReportOutput& signed_number(int64_t value) noexcept {
        return text(Digits().append_signed(value).view());
    }

    /// Right-aligned in `width` characters, with a blank before it in any case.
    ReportOutput& column(std::string_view piece, size_t width) noexcept {
        text(" ");
        for (size_t i = piece.size(); i < width; ++i) text(" ");
        return text(piece);
    }

    ReportOutput& column(uint64_t value, size_t width) noexcept {
        return column(Digits().append_decimal(value).view(), width);
    }

    void flush() noexcept {
        if (buffer_.empty())
            return;
        if (writer_ != nullptr) {
            writer_(opaque_, buffer_.c_str());
        } else {
            os::write_stderr(buffer_.view());
        }
        buffer_.clear();
    }

private:
    using Digits = base::FixedString<24>;

    static constexpr size_t smaller(size_t a, size_t b) noexcept { return a < b ? a : b; }

    ReportWriter writer_;
    void* opaque_;
    base::FixedString<1024> buffer_;
};

/// The letters of print_stats().
struct ReportParts {
    bool json = false;
    bool general = true;
    bool merged = true;
    bool destroyed = true;
    bool arenas = true;
    bool bins = true;
    bool large = true;
    bool locks = true;
    bool extents = true;
    bool huge_pages = true;
};

/// The text form; `heap` is the whole process and is used as scratch space for the arenas.
void report_text(ReportOutput& out, const ReportParts& parts, core::HeapSnapshot& heap) noexcept;

/// One block of the text form. @param index   the arena's, kAllArenas or kDestroyedArenas.
void print_arena(ReportOutput& out, const ReportParts& parts, size_t index,
                 const core::HeapSnapshot& s) noexcept;

/// The same as one JSON object with jemalloc's keys.
void report_json(ReportOutput& out, const ReportParts& parts, core::HeapSnapshot& heap) noexcept;

}  // namespace granary::ctl
