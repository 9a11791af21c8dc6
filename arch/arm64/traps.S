/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EL2 vectors, and the way into a guest and out of it. While a guest runs, sp points to what
 * guest_enter has pushed: the vCPU, then the caller's frame. The hypervisor itself never
 * unmasks anything: what comes at its own level is an error and is reported.
 */
#include "arch/arm64/vcpu_offsets.h"

	.arch armv8-a

	/* From a guest: general registers into the vCPU, then out of guest_enter with w0 = how. */
	.macro guest_left how
	.balign 128
	stp x0, x1, [sp, #-16]!
	ldr x0, [sp, #16]
	mov w1, #\how
	b guest_exit
	.endm

	.macro host_trap vector
	.balign 128
	sub sp, sp, #288
	stp x0, x1, [sp]
	mov x0, #\vector
	b trap_common
	.endm

	.section .text.vectors, "ax", @progbits
	.balign 2048
	.globl vectors
vectors:
	host_trap 0
	host_trap 1
	host_trap 2
	host_trap 3
	host_trap 4
	host_trap 5
	host_trap 6
	host_trap 7
	guest_left LEFT_SYNC
	guest_left LEFT_IRQ
	guest_left LEFT_IRQ
	guest_left LEFT_SERROR
	guest_left LEFT_AARCH32
	guest_left LEFT_IRQ
	guest_left LEFT_IRQ
	guest_left LEFT_SERROR

	.balign 128
guest_exit:
	stp x2, x3, [x0, #VCPU_X + 8 * 2]
	stp x4, x5, [x0, #VCPU_X + 8 * 4]
	ldp x2, x3, [sp], #16
	stp x6, x7, [x0, #VCPU_X + 8 * 6]
	stp x2, x3, [x0, #VCPU_X]
	stp x8, x9, [x0, #VCPU_X + 8 * 8]
	mrs x2, elr_el2
	mrs x3, spsr_el2
	stp x10, x11, [x0, #VCPU_X + 8 * 10]
	stp x12, x13, [x0, #VCPU_X + 8 * 12]
	mrs x4, esr_el2
	stp x14, x15, [x0, #VCPU_X + 8 * 14]
	stp x16, x17, [x0, #VCPU_X + 8 * 16]
	stp x18, x19, [x0, #VCPU_X + 8 * 18]
	stp x20, x21, [x0, #VCPU_X + 8 * 20]
	stp x22, x23, [x0, #VCPU_X + 8 * 22]
	stp x24, x25, [x0, #VCPU_X + 8 * 24]
	stp x26, x27, [x0, #VCPU_X + 8 * 26]
	stp x28, x29, [x0, #VCPU_X + 8 * 28]
	stp x30, x2, [x0, #VCPU_X + 8 * 30]	/* and PC */
	stp x3, x4, [x0, #VCPU_PSTATE]		/* and ESR */
	ldp x29, x30, [sp, #16]
	add sp, sp, #32
	ret

	/*
	 * x0 = struct arch_vcpu, stays; returns w1 = how the guest was left, x4 = ESR_EL2. Keeps
	 * sp and x29 and nothing else: see enter() in vcpu.c.
	 */
	.balign 64
	.globl guest_enter
guest_enter:
	stp x29, x30, [sp, #-16]!
	str x0, [sp, #-16]!
	ldp x30, x2, [x0, #VCPU_X + 8 * 30]	/* and PC */
	ldr x3, [x0, #VCPU_PSTATE]
	msr elr_el2, x2
	msr spsr_el2, x3
	ldp x2, x3, [x0, #VCPU_X + 8 * 2]
	ldp x4, x5, [x0, #VCPU_X + 8 * 4]
	ldp x6, x7, [x0, #VCPU_X + 8 * 6]
	ldp x8, x9, [x0, #VCPU_X + 8 * 8]
	ldp x10, x11, [x0, #VCPU_X + 8 * 10]
	ldp x12, x13, [x0, #VCPU_X + 8 * 12]
	ldp x14, x15, [x0, #VCPU_X + 8 * 14]
	ldp x16, x17, [x0, #VCPU_X + 8 * 16]
	ldp x18, x19, [x0, #VCPU_X + 8 * 18]
	ldp x20, x21, [x0, #VCPU_X + 8 * 20]
	ldp x22, x23, [x0, #VCPU_X + 8 * 22]
	ldp x24, x25, [x0, #VCPU_X + 8 * 24]
	ldp x26, x27, [x0, #VCPU_X + 8 * 26]
	ldp x28, x29, [x0, #VCPU_X + 8 * 28]
	ldp x0, x1, [x0, #VCPU_X]
	eret
	dsb nsh		/* nothing behind the eret is to be executed ahead */
	isb

	/* trap_taken(struct trap_frame *): x0..x30, sp, elr, spsr, vector. It may return. */
trap_common:
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x19, [sp, #144]
	stp x20, x21, [sp, #160]
	stp x22, x23, [sp, #176]
	stp x24, x25, [sp, #192]
	stp x26, x27, [sp, #208]
	stp x28, x29, [sp, #224]
	add x1, sp, #288
	stp x30, x1, [sp, #240]
	mrs x1, elr_el2
	mrs x2, spsr_el2
	stp x1, x2, [sp, #256]
	str x0, [sp, #272]
	mov x0, sp
	bl trap_taken
	ldp x1, x2, [sp, #256]
	msr elr_el2, x1
	msr spsr_el2, x2
	ldp x2, x3, [sp, #16]
	ldp x4, x5, [sp, #32]
	ldp x6, x7, [sp, #48]
	ldp x8, x9, [sp, #64]
	ldp x10, x11, [sp, #80]
	ldp x12, x13, [sp, #96]
	ldp x14, x15, [sp, #112]
	ldp x16, x17, [sp, #128]
	ldr x18, [sp, #144]
	ldr x30, [sp, #240]
	ldp x0, x1, [sp]
	add sp, sp, #288
	eret
	dsb nsh
	isb
