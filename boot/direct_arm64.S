/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct entry: QEMU's -kernel with the hypervisor's ELF file enters it at its physical
 * address, MMU off, nothing in the registers. arch/arm64/entry.S comes here when it finds itself
 * away from its link address. All code up to the hand-over is position-independent.
 */
	.section .text.direct, "ax", @progbits
	.globl direct_entry
direct_entry:
	msr daifset, #15
	adrp x0, direct_stack_top
	add x0, x0, :lo12:direct_stack_top
	mov sp, x0
	mov x29, xzr
	mov x30, xzr
	bl direct_main
1:	wfi
	b 1b

	.section .bss.direct_stack, "aw", @nobits
	.balign 4096
	.skip 32768
direct_stack_top:
