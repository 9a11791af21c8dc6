/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way into C from each of the 256 vectors: a stub of 16 bytes that pushes the vector (and an
 * error code of 0 where the processor pushes none), then one common part that saves the
 * registers.
 */
#include "arch/x86/traps.h"

	.section .text.traps, "ax", @progbits
	.balign 16
	.globl trap_stubs
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	/* 8, 10..14, 17, 21, 29, 30 push an error code themselves. */
	.if vector < 32 && ((0x60227d00 >> vector) & 1)
	.else
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	vector = vector + 1
	.endr
	.balign 16

trap_common:
	cld
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	call trap_taken
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq
