/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts, and the way into a guest and out. The vectors are copied to address 0, where all
 * interrupts go (AIL = 0), in real mode and little-endian (HID0.HILE). HSPRG0 points to the CONTEXT
 * (percpu.h) of what they interrupt, a vCPU's or the CPU's own: there they keep what they need, and
 * go on where its `handler` says, which is guest_left or host_trap.
 */
#include "arch/ppc64/offsets.h"

#define HSPRG0 304
#define HSPRG1 305
#define HSRR0 314
#define HSRR1 315

	/* One for each 32 bytes from 0x100 on: r12 = the vector's address. */
	.section .text.vectors, "ax", @progbits
	.globl vectors, vectors_end
vectors:
	.set vector, 0x100
	.rept (0x2000 - 0x100) / 32
	mtspr HSPRG1, %r13
	mfspr %r13, HSPRG0
	std %r12, CONTEXT_R + 8 * 12(%r13)
	li %r12, vector
	b vector_common
	.skip 12
	.set vector, vector + 32
	.endr
vector_common:
	std %r11, CONTEXT_R + 8 * 11(%r13)
	mfctr %r11
	std %r11, CONTEXT_CTR(%r13)
	ld %r11, CONTEXT_HANDLER(%r13)
	mtctr %r11
	bctr
vectors_end:

	.macro each op, from, to, base, offset
	.set n, \from
	.rept \to - \from + 1
	\op n, \offset + 8 * n(\base)
	.set n, n + 1
	.endr
	.endm

	/* Behind the vectors: r13 = CONTEXT, r12 = the vector; all that they have not kept. */
	.macro keep_registers
	each std, 0, 10, %r13, CONTEXT_R
	each std, 14, 31, %r13, CONTEXT_R
	mfspr %r5, HSPRG1
	mflr %r6
	mfcr %r7
	mfxer %r8
	std %r5, CONTEXT_R + 8 * 13(%r13)
	std %r6, CONTEXT_LR(%r13)
	std %r7, CONTEXT_CR(%r13)
	std %r8, CONTEXT_XER(%r13)
	.endm

	/*
	 * Enters the guest of r3 = struct arch_vcpu; comes back with r3 = the vector, r4 = the
	 * vCPU. Not a C function: it keeps r1, r2 and r31 and nothing else. Its one caller
	 * (exits.c) says so to the compiler, which then saves what it needs and no more.
	 */
	.text
	.globl guest_enter
	.balign 32
guest_enter:
	mflr %r0
	std %r1, VCPU_HOST_SP(%r3)
	std %r0, VCPU_HOST_LR(%r3)
	std %r31, VCPU_HOST_R31(%r3)
	mtspr HSPRG0, %r3
	ld %r5, CONTEXT_PC(%r3)
	ld %r6, CONTEXT_MSR(%r3)
	ld %r7, CONTEXT_LR(%r3)
	ld %r8, CONTEXT_CTR(%r3)
	ld %r9, CONTEXT_CR(%r3)
	ld %r10, CONTEXT_XER(%r3)
	mtspr HSRR0, %r5
	mtspr HSRR1, %r6
	mtlr %r7
	mtctr %r8
	mtcr %r9
	mtxer %r10
	each ld, 4, 31, %r3, CONTEXT_R
	ld %r0, CONTEXT_R(%r3)
	ld %r1, CONTEXT_R + 8(%r3)
	ld %r2, CONTEXT_R + 16(%r3)
	ld %r3, CONTEXT_R + 24(%r3)
	hrfid

	.globl guest_left
	.balign 32
guest_left:
	keep_registers
	ld %r5, CONTEXT_CPU(%r13)
	ld %r6, VCPU_HOST_LR(%r13)
	ld %r1, VCPU_HOST_SP(%r13)
	ld %r31, VCPU_HOST_R31(%r13)
	mtspr HSPRG0, %r5
	mtlr %r6
	lis %r2, .TOC.@h
	ori %r2, %r2, .TOC.@l
	mr %r3, %r12
	mr %r4, %r13
	blr

	/* An exception of the hypervisor itself: it is told, and does not come back. */
	.globl host_trap
	.balign 32
host_trap:
	keep_registers
	stdu %r1, -512(%r1)
	lis %r2, .TOC.@h
	ori %r2, %r2, .TOC.@l
	mr %r3, %r13
	mr %r4, %r12
	bl trap_taken
	nop
	b .
