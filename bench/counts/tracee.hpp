// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// tracee.hpp — what the stepper has to know about the code of the program it steps.
//
// Role        Reads the traced process: its mappings, its text, and, of each instruction, what is
//             counted. Code does not change while it runs, so each address is read once.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace counts {

/// One instruction, as far as counting goes.
struct Instruction {
    enum class Place : std::uint8_t { kProgram, kAllocator, kElsewhere };
    Place place = Place::kElsewhere;
    bool atomic = false;       ///< a lock prefix, or xchg with memory
    bool system_call = false;  ///< syscall
    bool repeated = false;     ///< a string instruction that stops after each element
    bool breakpoint = false;   ///< a marker
};

/// Decodes the prefixes and the opcode. @param code  at least 15 bytes
[[nodiscard]] Instruction decode(const unsigned char* code);

/// The text of one process.
class Code {
public:
    explicit Code(pid_t process) : process_(process) {}

    /// Reads the mappings. What lies in `allocator` is the allocator's; if that is the C library,
    /// everything outside the program is, since malloc's helpers are not told apart there.
    void learn(const std::string& allocator);
    /// Cost: a system call the first time for an address.
    const Instruction& at(std::uint64_t address);
    /// Address in the allocator's file, as a disassembler shows it.
    [[nodiscard]] std::uint64_t file_address(std::uint64_t address) const {
        return address - allocator_base_;
    }
    [[nodiscard]] std::string string_at(std::uint64_t address) const;
    [[nodiscard]] const std::string& allocator() const { return allocator_; }

private:
    struct Range {
        std::uint64_t begin;
        std::uint64_t end;
        Instruction::Place place;
    };
    pid_t process_;
    std::string allocator_;
    std::uint64_t allocator_base_ = 0;
    bool all_is_allocator_ = false;
    std::vector<Range> ranges_;
    std::unordered_map<std::uint64_t, Instruction> known_;
};

}  // namespace counts
