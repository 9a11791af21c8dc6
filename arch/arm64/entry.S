/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instruction of the hypervisor. At its link address it comes from a loader, in the state
 * that boot/handover_arm64.h describes: x0 = struct bootinfo in the linear map, .bss already
 * zero. Anywhere else it is the direct entry's, which will come here again.
 */
#include "arch/arm64/percpu.h"
#include "boot/handover_arm64.h"

	.section .text.entry, "ax", @progbits
	.globl entry
entry:
	adr x1, entry
	movz x2, #:abs_g2:entry
	movk x2, #:abs_g1_nc:entry
	movk x2, #:abs_g0_nc:entry
	cmp x1, x2
	b.ne direct_entry
	msr daifset, #15
	adrp x1, boot_stack + STACK_BYTES
	mov sp, x1
	mov x29, xzr
	mov x30, xzr
	mov x19, x0
	bl start_early
	mov x0, x19
	bl hv_main
	brk #1

	/*
	 * Another CPU, started by PSCI at the physical address of this, MMU off, at EL2:
	 * x0 = the physical address of struct cpu_start. It turns the MMU on with the boot CPU's
	 * tables, in which this page stands at its physical address too, and goes to its link
	 * address with its own stack.
	 */
	.globl entry_other
	.balign 128
entry_other:
	msr daifset, #15
	ldp x1, x2, [x0, #CPU_START_ROOT]	/* root, MAIR */
	ldp x3, x4, [x0, #CPU_START_TCR]	/* TCR, SCTLR */
	ldp x5, x6, [x0, #CPU_START_STACK]	/* stack, where to go on */
	ldp x7, x8, [x0, #CPU_START_CPU]	/* its number, HCR */
	msr hcr_el2, x8
	isb
	msr mair_el2, x2
	msr tcr_el2, x3
	msr ttbr0_el2, x1
	isb
	ic iallu
	tlbi alle2
	dsb sy
	isb
	msr sctlr_el2, x4
	isb
	mov sp, x5
	mov x29, xzr
	mov x30, xzr
	mov x0, x7
	br x6
	.globl entry_other_end
entry_other_end:

	.globl entry_linked
entry_linked:
	mov x19, x0
	bl start_other
	mov x0, x19
	bl hv_cpu_main
	brk #1

	.section .bss.boot_stack, "aw", @nobits
	.balign 4096
	.globl boot_stack
boot_stack:
	.skip STACK_BYTES
