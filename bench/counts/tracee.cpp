// SPDX-License-Identifier: Apache-2.0 OR MIT
// tracee.cpp — mappings, text and instructions of the traced process.
#include "tracee.hpp"

#include <limits.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace counts {
namespace {

std::string real_path(const std::string& path) {
    char resolved[PATH_MAX];
    return realpath(path.c_str(), resolved) == nullptr ? path : resolved;
}

std::size_t read_memory(pid_t process, std::uint64_t address, void* buffer, std::size_t bytes) {
    const iovec local{buffer, bytes};
    // SAFETY: an address of the other process; the kernel checks it.
    const iovec remote{reinterpret_cast<void*>(address), bytes};
    const ssize_t done = process_vm_readv(process, &local, 1, &remote, 1, 0);
    return done < 0 ? 0 : static_cast<std::size_t>(done);
}

bool is_string_opcode(unsigned char opcode) {
    return (opcode >= 0xA4 && opcode <= 0xA7) || (opcode >= 0xAA && opcode <= 0xAF);
}

}  // namespace

Instruction decode(const unsigned char* code) {
    Instruction result;
    bool repeat_prefix = false;
    int i = 0;
    for (; i < 14; ++i) {
        const unsigned char byte = code[i];
        if (byte == 0xF0) {
            result.atomic = true;
        } else if (byte == 0xF2 || byte == 0xF3) {
            repeat_prefix = true;
        } else if (byte != 0x66 && byte != 0x67 && byte != 0x2E && byte != 0x36 && byte != 0x3E &&
                   byte != 0x26 && byte != 0x64 && byte != 0x65 && (byte & 0xF0) != 0x40) {
            break;
        }
    }
    const unsigned char opcode = code[i];
    result.breakpoint = opcode == 0xCC;
    result.system_call = opcode == 0x0F && code[i + 1] == 0x05;
    result.repeated = repeat_prefix && is_string_opcode(opcode);
    const bool memory_operand = (code[i + 1] & 0xC0) != 0xC0;
    if ((opcode == 0x86 || opcode == 0x87) && memory_operand)
        result.atomic = true;  // xchg locks by itself
    return result;
}

void Code::learn(const std::string& allocator) {
    allocator_ = real_path(allocator);
    const std::string name = allocator_.substr(allocator_.rfind('/') + 1);
    all_is_allocator_ = name.rfind("libc.so", 0) == 0 || name.rfind("libc-", 0) == 0;
    const std::string self = "/proc/" + std::to_string(process_);
    const std::string program = real_path(self + "/exe");
    std::ifstream maps(self + "/maps");
    ranges_.clear();
    known_.clear();
    allocator_base_ = 0;
    for (std::string line; std::getline(maps, line);) {
        std::istringstream fields(line);
        std::string span;
        std::string rights;
        std::string skipped;
        std::string path;
        fields >> span >> rights >> skipped >> skipped >> skipped >> path;
        const std::uint64_t begin = std::stoull(span, nullptr, 16);
        const std::uint64_t end = std::stoull(span.substr(span.find('-') + 1), nullptr, 16);
        if (path == allocator_ && allocator_base_ == 0)
            allocator_base_ = begin;
        if (rights.size() < 3 || rights[2] != 'x')
            continue;
        const auto place = path == program      ? Instruction::Place::kProgram
                           : path == allocator_ ? Instruction::Place::kAllocator
                                                : Instruction::Place::kElsewhere;
        ranges_.push_back({begin, end, place});
    }
}

const Instruction& Code::at(std::uint64_t address) {
    const auto found = known_.find(address);
    if (found != known_.end())
        return found->second;
    unsigned char bytes[16] = {};
    (void)read_memory(process_, address, bytes, sizeof bytes);  // short at the end of a mapping
    Instruction instruction = decode(bytes);
    for (const Range& range : ranges_)
        if (address >= range.begin && address < range.end)
            instruction.place = range.place;
    if (all_is_allocator_ && instruction.place != Instruction::Place::kProgram)
        instruction.place = Instruction::Place::kAllocator;
    return known_.emplace(address, instruction).first->second;
}

std::string Code::string_at(std::uint64_t address) const {
    char text[512] = {};
    // The end of the mapping may come before the end of the buffer.
    if (read_memory(process_, address, text, sizeof text - 1) == 0)
        (void)read_memory(process_, address, text, 4096 - address % 4096 < sizeof text - 1
                                                       ? 4096 - address % 4096
                                                       : sizeof text - 1);
    return text;
}

}  // namespace counts
