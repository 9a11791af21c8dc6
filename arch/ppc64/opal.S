/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the firmware: it runs big-endian, on a stack of its own, and comes back big-endian. */
#include "arch/ppc64/endian.inc"

	.text
	.globl opal_call, opal_call6
opal_call:
opal_call6:
	mflr %r0
	std %r0, 16(%r1)
	stdu %r1, -128(%r1)
	std %r2, 24(%r1)
	mfcr %r0
	std %r0, 96(%r1)
	mfsrr0 %r10
	mfsrr1 %r11
	std %r10, 104(%r1)
	std %r11, 112(%r1)
	mr %r0, %r3
	mr %r3, %r4
	mr %r4, %r5
	mr %r5, %r6
	mr %r6, %r7
	mr %r7, %r8
	mr %r8, %r9
	lis %r12, opal_returned@h
	ori %r12, %r12, opal_returned@l
	mtlr %r12
	lis %r12, opal_entry@h
	ori %r12, %r12, opal_entry@l
	ld %r2, 8(%r12)
	ld %r12, 0(%r12)
	mfmsr %r11
	rldicr %r11, %r11, 0, 62
	mtsrr0 %r12
	mtsrr1 %r11
	rfid
opal_returned:
	to_little_endian
	ld %r2, 24(%r1)
	ld %r10, 104(%r1)
	ld %r11, 112(%r1)
	mtsrr0 %r10
	mtsrr1 %r11
	ld %r0, 96(%r1)
	mtcr %r0
	addi %r1, %r1, 128
	ld %r0, 16(%r1)
	mtlr %r0
	blr

	.section .data.opal, "aw", @progbits
	.balign 8
	.globl opal_entry
opal_entry:
	.quad 0	/* the entry, and what r2 is to hold: arch/ppc64/entry.S writes them */
	.quad 0
