/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe's first instruction, as arch/arm64/entry.S: away from its link address it is the direct
 * entry's. It keeps what only it can see, the stack pointer and the mask of interrupts.
 */
	.section .text.entry, "ax", @progbits
	.globl entry
entry:
	adr x1, entry
	movz x2, #:abs_g2:entry
	movk x2, #:abs_g1_nc:entry
	movk x2, #:abs_g0_nc:entry
	cmp x1, x2
	b.ne direct_entry
	mov x1, sp
	mrs x2, daif
	mov x29, xzr
	mov x30, xzr
	bl probe_main
	brk #1
