/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instruction under skiboot, which runs the ELF file in place: big-endian, real mode,
 * MSR = SF and HV, r3 = device tree, r8 = OPAL's base, r9 = OPAL's entry. The image is where it is
 * linked, but .bss holds whatever was in memory.
 */
#include "arch/ppc64/endian.inc"
#include "arch/ppc64/offsets.h"

#define MSR_HV_LEFT 4 /* turns MSR.HV, bit 60, to the right end */
#define PVR_POWER9 0x4e /* what came before has a lower number, POWER10 0x80 */

	.section .text.entry, "ax", @progbits
	.globl entry
entry:
	to_little_endian
	mfmsr %r4
	rldicl. %r4, %r4, MSR_HV_LEFT, 63
	bne 1f
	b refuse_guest	/* wherever the image is */
1:
	lis %r4, bss_start@h
	ori %r4, %r4, bss_start@l
	lis %r5, bss_end@h
	ori %r5, %r5, bss_end@l
	li %r0, 0
1:	cmpld %r4, %r5
	bge 2f
	std %r0, 0(%r4)
	addi %r4, %r4, 8
	b 1b
2:	lis %r4, opal_entry@h
	ori %r4, %r4, opal_entry@l
	std %r9, 0(%r4)
	std %r8, 8(%r4)
	lis %r2, .TOC.@h
	ori %r2, %r2, .TOC.@l
	lis %r1, (boot_stack + STACK_BYTES - 64)@h
	ori %r1, %r1, (boot_stack + STACK_BYTES - 64)@l
	std %r0, 0(%r1)
	mfpvr %r4
	srwi %r4, %r4, 16
	cmplwi %r4, PVR_POWER9
	bge 1f
	b refuse_processor
1:
	mr %r31, %r3
	bl start_early
	nop
	mr %r3, %r31
	bl opal_main
	nop
	bl hv_main
	nop
	trap

	/* Another CPU, started by OPAL_START_CPU: big-endian, real mode. cpu_starting leads to its
	 * struct cpu and the top of its stack. */
	.balign 32
	.globl entry_other
entry_other:
	to_little_endian
	lis %r2, .TOC.@h
	ori %r2, %r2, .TOC.@l
	lis %r4, cpu_starting@h
	ori %r4, %r4, cpu_starting@l
	ld %r3, 0(%r4)
	ld %r1, 8(%r4)
	li %r0, 0
	std %r0, 0(%r1)
	mr %r31, %r3
	bl start_other
	nop
	bl hv_cpu_main
	nop
	trap

	.section .bss.boot_stack, "aw", @nobits
	.balign 4096
	.globl boot_stack
boot_stack:
	.skip STACK_BYTES
