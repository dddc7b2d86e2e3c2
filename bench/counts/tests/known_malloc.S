// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// known_malloc.S: an allocator whose instructions one can count by reading: malloc 6, of which one
// is atomic; free 1; calloc 15 with malloc's, of which one is repeated.
    .text
    .globl malloc, free, calloc
    .type malloc, @function
    .type free, @function
    .type calloc, @function
malloc:
.Lmalloc:
    lea 15(%rdi), %rax
    and $-16, %rax
    lock xadd %rax, used(%rip)
    lea memory(%rip), %rcx
    add %rcx, %rax
    ret
free:
    ret
calloc:
    imul %rsi, %rdi
    call .Lmalloc
    mov %rax, %rdx
    mov %rax, %rdi
    xor %eax, %eax
    mov $64, %ecx
    rep stosb
    mov %rdx, %rax
    ret
    .local used, memory
    .comm used, 8, 8
    .comm memory, 16777216, 64
    .section .note.GNU-stack, "", @progbits
