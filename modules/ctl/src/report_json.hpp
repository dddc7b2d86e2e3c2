// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// report_json.hpp — the writer of the JSON form, and its blocks.
#pragma once

#include "report_output.hpp"

namespace granary::ctl {

/// Emits JSON and puts the commas. Keys are granary's own; texts may be anybody's.
class Json {
public:
    explicit Json(ReportOutput& out) noexcept : out_(out) {}

    void begin_object(std::string_view key = {}) noexcept { begin(key, "{"); }
    void end_object() noexcept { end("}"); }
    void begin_array(std::string_view key) noexcept { begin(key, "["); }
    void end_array() noexcept { end("]"); }

    void number(std::string_view key, uint64_t value) noexcept {
        name(key);
        out_.number(value);
    }
    void signed_number(std::string_view key, int64_t value) noexcept {
        name(key);
        out_.signed_number(value);
    }
    void boolean(std::string_view key, bool value) noexcept {
        name(key);
        out_.text(value ? "true" : "false");
    }
    /// A value that is JSON already.
    void raw(std::string_view key, std::string_view value) noexcept {
        name(key);
        out_.text(value);
    }
    void text(std::string_view key, std::string_view value) noexcept;

private:
    void name(std::string_view key) noexcept {
        if (!first_)
            out_.text(",");
        first_ = false;
        if (!key.empty())
            out_.text("\"").text(key).text("\":");
    }
    void begin(std::string_view key, std::string_view bracket) noexcept {
        name(key);
        out_.text(bracket);
        first_ = true;
    }
    void end(std::string_view bracket) noexcept {
        out_.text(bracket);
        first_ = false;
    }

    ReportOutput& out_;
    bool first_ = true;
};

/// The counters of one lock.
void put_lock(Json& json, std::string_view key, const core::LockSnapshot& lock) noexcept;

/// One block of arenas. @param index   the arena's, kAllArenas or kDestroyedArenas.
void put_arena(Json& json, std::string_view key, const ReportParts& parts, size_t index,
               const core::HeapSnapshot& s) noexcept;

}  // namespace granary::ctl
