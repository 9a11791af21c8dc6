/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the arm64 guests begin: an Image entered at EL1 without MMU, x0 = the device tree. They map
 * the first 8 GiB one to one by blocks of 1 GiB: the first is the devices', the others are memory.
 * One block more maps the first GiB of RAM for user mode at 8 GiB: read-only, since what user mode
 * may write EL1 cannot execute.
 */
#define STACK_SHIFT 14
#define MAX_CPUS 16
#define VCPU_ID 8 /* guests/abi.h */
#define MEMORY 0x705 /* block, AttrIndx 1, inner shareable, accessed */
#define DEVICE 0x0060000000000401 /* block, AttrIndx 0, accessed, never executed */
#define USER 0x7c5 /* as MEMORY; AP: read-only for both */
#define TCR 0x200803519 /* T0SZ 25 (39 bits), write-back walks, inner shareable, no TTBR1, IPS 40 */
#define MAIR 0xff00 /* 0: Device-nGnRnE, 1: Normal write-back */
#define SCTLR_ON 0x30d01805 /* RES1, I, C, M */

	.section .text.start, "ax"
	.globl start
start:
	b first /* the Image's header */
	.long 0
	.quad 0 /* text_offset */
	.quad guest_end - start
	.quad 0xa /* little-endian, 4 KiB pages, anywhere */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0

first:
	mov x19, x0
	adrp x1, table
	add x1, x1, :lo12:table
	ldr x2, =DEVICE
	str x2, [x1]
	mov x3, #1
	ldr x2, =MEMORY
1:	add x4, x2, x3, lsl #30
	str x4, [x1, x3, lsl #3]
	add x3, x3, #1
	cmp x3, #8
	b.ne 1b
	ldr x2, =(USER + 0x40000000)
	str x2, [x1, #64]
	dmb sy
	dc ivac, x1 /* nine entries, one line: written without the caches, read by them */
	add x1, x1, #64
	dc ivac, x1
	dsb sy
	bl mmu_on
	adrp x1, stacks
	add x1, x1, :lo12:stacks
	add x1, x1, #(1 << STACK_SHIFT)
	mov sp, x1
	mov x29, xzr
	mov x0, x19
	bl guest_start
2:	wfi
	b 2b

	.globl secondary_entry
secondary_entry:
	mov x19, x0
	mov x0, #VCPU_ID
	hvc #1
	mov x20, x0
	bl mmu_on
	adrp x1, stacks
	add x1, x1, :lo12:stacks
	add x20, x20, #1
	add x1, x1, x20, lsl #STACK_SHIFT
	mov sp, x1
	mov x29, xzr
	mov x0, x19
	mov x1, xzr
	bl secondary_start

mmu_on:
	ldr x1, =MAIR
	msr mair_el1, x1
	ldr x1, =TCR
	msr tcr_el1, x1
	adrp x1, table
	add x1, x1, :lo12:table
	msr ttbr0_el1, x1
	mov x1, #(3 << 20) /* FP and SIMD */
	msr cpacr_el1, x1
	isb
	tlbi vmalle1
	ic iallu
	dsb nsh
	isb
	ldr x1, =SCTLR_ON
	msr sctlr_el1, x1
	isb
	ret
	.ltorg

	/* Exceptions: none goes back, so nothing is saved. */
	.text
	.balign 2048
	.globl vectors
vectors:
	.set vector, 0
	.rept 16
	.balign 128
	mov x0, #vector
	b trap
	.set vector, vector + 1
	.endr

	/* void catch_at(void (*attempt)(void), struct resume *): keeps pc and sp. */
	.globl catch_at
catch_at:
	stp x29, x30, [sp, #-96]!
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	adr x9, 3f
	mov x10, sp
	stp x9, x10, [x1]
	blr x0
3:	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp x29, x30, [sp], #96
	ret

	/* _Noreturn void resume_at(uint64_t pc, uint64_t sp) */
	.globl resume_at
resume_at:
	mov sp, x1
	br x0

	/* _Noreturn void call_from_user(uint64_t nr): user mode makes the hypercall. */
	.globl call_from_user
call_from_user:
	adr x9, 4f
	ldr x10, =0x1c0000000 /* from the RAM to its other place */
	add x9, x9, x10
	msr elr_el1, x9
	msr spsr_el1, xzr
	mov x19, x0
	eret
4:	mov x0, x19
	hvc #1
	b 4b
	.ltorg

	.bss
	.balign 4096
table:	.skip 4096
	.balign 16
stacks:	.skip (MAX_CPUS + 1) << STACK_SHIFT
