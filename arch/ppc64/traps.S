/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts, and the way into a guest and out. The vectors are copied to address 0, where all
 * interrupts go (AIL = 0), in real mode and little-endian (HID0.HILE). Each keeps what it needs in
 * struct cpu and goes on where cpu->handler says: guest_left while a guest runs, host_trap else.
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
	std %r12, CPU_R12(%r13)
	li %r12, vector
	b vector_common
	.skip 12
	.set vector, vector + 32
	.endr
vector_common:
	std %r11, CPU_R11(%r13)
	mfctr %r11
	std %r11, CPU_CTR(%r13)
	ld %r11, CPU_HANDLER(%r13)
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

	/* unsigned guest_enter(struct arch_vcpu *v): enters; comes back with the vector. */
	.text
	.globl guest_enter
	.balign 32
guest_enter:
	mflr %r0
	std %r0, 16(%r1)
	stdu %r1, -288(%r1)
	mfcr %r0
	std %r0, 280(%r1)
	std %r2, 24(%r1)
	each std, 14, 31, %r1, 0
	mfspr %r4, HSPRG0
	std %r1, CPU_SP(%r4)
	std %r3, CPU_VCPU(%r4)
	lis %r5, guest_left@h
	ori %r5, %r5, guest_left@l
	std %r5, CPU_HANDLER(%r4)
	ld %r5, VCPU_PC(%r3)
	ld %r6, VCPU_MSR(%r3)
	ld %r7, VCPU_LR(%r3)
	ld %r8, VCPU_CTR(%r3)
	ld %r9, VCPU_CR(%r3)
	ld %r10, VCPU_XER(%r3)
	mtspr HSRR0, %r5
	mtspr HSRR1, %r6
	mtlr %r7
	mtctr %r8
	mtcr %r9
	mtxer %r10
	each ld, 4, 31, %r3, VCPU_R
	ld %r0, VCPU_R(%r3)
	ld %r1, VCPU_R + 8(%r3)
	ld %r2, VCPU_R + 16(%r3)
	ld %r3, VCPU_R + 24(%r3)
	hrfid

	.balign 32
guest_left:
	ld %r11, CPU_VCPU(%r13)
	each std, 0, 10, %r11, VCPU_R
	each std, 14, 31, %r11, VCPU_R
	ld %r3, CPU_R11(%r13)
	ld %r4, CPU_R12(%r13)
	mfspr %r5, HSPRG1
	ld %r6, CPU_CTR(%r13)
	mflr %r7
	mfcr %r8
	mfxer %r9
	std %r3, VCPU_R + 88(%r11)
	std %r4, VCPU_R + 96(%r11)
	std %r5, VCPU_R + 104(%r11)
	std %r6, VCPU_CTR(%r11)
	std %r7, VCPU_LR(%r11)
	std %r8, VCPU_CR(%r11)
	std %r9, VCPU_XER(%r11)
	lis %r5, host_trap@h
	ori %r5, %r5, host_trap@l
	std %r5, CPU_HANDLER(%r13)
	ld %r1, CPU_SP(%r13)
	mr %r3, %r12
	each ld, 14, 31, %r1, 0
	ld %r2, 24(%r1)
	ld %r0, 280(%r1)
	mtcr %r0
	addi %r1, %r1, 288
	ld %r0, 16(%r1)
	mtlr %r0
	blr

	/* An exception of the hypervisor itself: it is told, and does not come back. */
	.globl host_trap
	.balign 32
host_trap:
	stdu %r1, -(TRAP_BYTES + 512)(%r1)
	each std, 0, 10, %r1, 64 + TRAP_R
	each std, 14, 31, %r1, 64 + TRAP_R
	ld %r3, CPU_R11(%r13)
	ld %r4, CPU_R12(%r13)
	mfspr %r5, HSPRG1
	ld %r6, CPU_CTR(%r13)
	mflr %r7
	std %r3, 64 + TRAP_R + 88(%r1)
	std %r4, 64 + TRAP_R + 96(%r1)
	std %r5, 64 + TRAP_R + 104(%r1)
	std %r6, 64 + TRAP_CTR(%r1)
	std %r7, 64 + TRAP_LR(%r1)
	std %r12, 64 + TRAP_VECTOR(%r1)
	lis %r2, .TOC.@h
	ori %r2, %r2, .TOC.@l
	addi %r3, %r1, 64
	bl trap_taken
	nop
	b .
