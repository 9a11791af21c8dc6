/* SPDX-License-Identifier: BSD-2-Clause */
/* The probe's first instruction: keeps what only it can see, the stack pointer and the flags. */
	.section .text.entry, "ax", @progbits
	.globl entry
entry:
	mov %rsp, %rsi
	pushf
	pop %rdx
	call probe_main
	ud2
