/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the ppc64 guests begin, and their interrupt vectors: guest real mode, little-endian, r3 =
 * the device tree. Calls of RTAS go to big-endian and back. (Power ISA 3.0B, book III, 6.5.)
 */
#define STACK_SHIFT 14
#define MAX_CPUS 16
#define VCPU_ID_HIGH 0x7e00
#define VCPU_ID 8	/* guests/abi.h */
#define RED_ZONE 512	/* more than the 288 bytes below r1 that are the interrupted function's */
#define MSR_RI 2
#define MSR_RTAS 0x1000 /* ME alone: 32 bits, big-endian */

	.macro address reg, symbol
	lis \reg, \symbol@h
	ori \reg, \reg, \symbol@l
	.endm

	/* An instruction with its bytes the other way round. */
	.macro swapped word
	.byte ((\word) >> 24) & 255, ((\word) >> 16) & 255, ((\word) >> 8) & 255, (\word) & 255
	.endm

	/* But for two none goes back, so nothing is saved. The first 256 bytes are nobody's. */
	.section .text.vectors, "ax"
	.set vector, 0x100
	.rept (0x2000 - 0x100) / 0x80
	.org vector
	.if vector == 0x500
	b external
	.elseif vector == 0x900
	b decrementer
	.else
	li %r3, vector
	b taken
	.endif
	.set vector, vector + 0x80
	.endr
	.org 0x2000
	/* The decrementer's: as any other, or back for some seconds (irq_ppc64.c:irq_let_in). */
decrementer:
	mtsprg 0, %r3
	mtsprg 1, %r4
	mfcr %r4
	address %r3, irq_lets_in
	lbz %r3, 0(%r3)
	cmpwi %r3, 0
	lis %r3, 0x7fff
	beq 1f
	mtdec %r3
	mtcr %r4
	mfsprg %r3, 0
	mfsprg %r4, 1
	rfid
1:	li %r3, 0x900
taken:
	addi %r1, %r1, -RED_ZONE
	address %r2, .TOC.
	bl trap

	/* An external interrupt, the one that goes back: the counter first (irq_ppc64.c). */
	.macro each_volatile op
	\op %r0, 32(%r1)
	.set n, 2
	.rept 11
	\op n, 32 + 8 * n(%r1)
	.set n, n + 1
	.endr
	.endm
	.macro keep from, at
	\from %r0
	std %r0, \at(%r1)
	.endm
	.macro give to, at
	ld %r0, \at(%r1)
	\to %r0
	.endm
external:
	mtsprg 0, %r3
	mtsprg 1, %r4
	address %r3, irq_counted
	li %r4, -1
	xori %r26, %r26, 0
	std %r4, 0(%r3)
	mfsprg %r3, 0
	mfsprg %r4, 1
	stdu %r1, -RED_ZONE(%r1)
	each_volatile std
	address %r2, .TOC.
	keep mflr, 144
	keep mfctr, 152
	keep mfcr, 160
	keep mfxer, 168
	keep mfsrr0, 176
	keep mfsrr1, 184
	bl irq_taken
	give mtlr, 144
	give mtctr, 152
	give mtcr, 160
	give mtxer, 168
	give mtsrr0, 176
	give mtsrr1, 184
	each_volatile ld
	addi %r1, %r1, RED_ZONE
	rfid

	.section .text.start, "ax"
	.globl start
start:
	address %r2, .TOC.
	address %r1, stacks
	addi %r1, %r1, (1 << STACK_SHIFT) - 128
	li %r0, 0
	std %r0, 0(%r1)
	bl guest_start
1:	b 1b

	.globl secondary_entry
secondary_entry:
	mr %r14, %r3
	lis %r3, VCPU_ID_HIGH
	ori %r3, %r3, VCPU_ID
	sc 1
	address %r2, .TOC.
	addi %r3, %r3, 1
	sldi %r3, %r3, STACK_SHIFT
	address %r1, stacks
	add %r1, %r1, %r3
	addi %r1, %r1, (1 << STACK_SHIFT) - 128
	li %r0, 0
	std %r0, 0(%r1)
	mr %r3, %r14
	li %r4, 0
	bl secondary_start

	.text
	.macro each_saved op
	.set n, 14
	.rept 18
	\op n, 8 * n(%r1)
	.set n, n + 1
	.endr
	.endm

	/* void catch_at(void (*attempt)(void), uint64_t *sp): keeps the stack pointer in *sp. */
	.globl catch_at
catch_at:
	mflr %r0
	std %r0, 16(%r1)
	mfcr %r0
	stw %r0, 8(%r1)
	stdu %r1, -256(%r1)
	std %r2, 24(%r1)
	each_saved std
	std %r1, 0(%r4)
	mr %r12, %r3
	mtctr %r12
	bctrl
resumed:
	ld %r2, 24(%r1)
	each_saved ld
	addi %r1, %r1, 256
	lwz %r0, 8(%r1)
	mtcr %r0
	ld %r0, 16(%r1)
	mtlr %r0
	blr

	/* _Noreturn void resume_at(uint64_t sp) */
	.globl resume_at
resume_at:
	mr %r1, %r3
	mfmsr %r0
	ori %r0, %r0, MSR_RI
	mtmsrd %r0, 1
	b resumed

	/* _Noreturn void call_from_user(uint64_t nr, uint64_t msr): the call, in user mode. */
	.globl call_from_user
call_from_user:
	address %r12, 2f
	mtsrr0 %r12
	mtsrr1 %r4
	rfid
2:	sc 1
	b 2b

	/* void rtas_enter(void *arguments, uint64_t entry): RTAS keeps r1, r2 and r14 to r31. */
	.globl rtas_enter
rtas_enter:
	mflr %r0
	std %r0, 16(%r1)
	address %r12, rtas_back
	mtlr %r12
	mtsrr0 %r4
	li %r12, MSR_RTAS
	mtsrr1 %r12
	rfid
rtas_back: /* entered big-endian, with 32 bits */
	swapped 0x7d4802a6	/* mflr r10: of this instruction */
	swapped 0x394a0024	/* addi r10, r10, 36 */
	swapped 0x7d5a03a6	/* mtsrr0 r10 */
	swapped 0x39600001	/* li r11, 1 */
	swapped 0x796bf806	/* sldi r11, r11, 63: SF */
	swapped 0x616b1003	/* ori r11, r11, ME, RI, LE */
	swapped 0x7d7b03a6	/* mtsrr1 r11 */
	swapped 0x4c000024	/* rfid */
	swapped 0x60000000	/* nop */
	ld %r0, 16(%r1)
	mtlr %r0
	blr

	/* uint64_t marked(uint64_t *box): the marker; the store behind it shows where to count. */
	.balign 32
	.globl marked
marked:
	li %r4, -1
	xori %r26, %r26, 0
	std %r4, 0(%r3)
	ld %r3, 0(%r3)
	blr

	.bss
	.balign 16
	.globl irq_counted
irq_counted: .skip 16
stacks:	.skip (MAX_CPUS + 1) << STACK_SHIFT
