/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FP, vector and VSX registers (struct fp_state of vcpu.h): vs0..vs63 hold them all. The hypervisor
 * uses none of them, so a guest's stay in the processor across exits. r3 = struct fp_state.
 */
#include "arch/ppc64/offsets.h"

	.macro facilities_on
	mfmsr %r4
	oris %r4, %r4, 0x0280	/* VEC, VSX */
	ori %r4, %r4, 0x2000	/* FP */
	mtmsrd %r4
	isync
	.endm

	.macro each_vs op
	.set n, 0
	li %r4, 0
	.rept 64
	\op n, %r3, %r4
	addi %r4, %r4, 16
	.set n, n + 1
	.endr
	.endm

	.text
	.globl fp_save
fp_save:
	facilities_on
	each_vs stxvd2x
	mffs %f0
	stfd %f0, FP_FPSCR(%r3)
	mfvscr %v0
	li %r4, FP_VSCR
	stvx %v0, %r3, %r4
	blr

	.globl fp_load
fp_load:
	facilities_on
	li %r4, FP_VSCR
	lvx %v0, %r3, %r4
	mtvscr %v0
	lfd %f0, FP_FPSCR(%r3)
	.long 0xfffe058e		/* mtfsf 255, f0, 1, 0: all of FPSCR */
	each_vs lxvd2x
	blr
