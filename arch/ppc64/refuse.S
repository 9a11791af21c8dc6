/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What entry.S finds before anything else can run: no hypervisor mode (a guest of another
 * hypervisor, which may have put the image anywhere), or a processor that lacks the instructions of
 * this image. A sentence, and the end. Whatever the processor, only what POWER7 has is used here.
 */
#include "arch/ppc64/opal.h"

	/* A PAPR guest's terminal, 16 characters a call: big-endian in two registers. */
#define H_PUT_TERM_CHAR 0x58
#define CHARACTERS 16

	.text
	.globl refuse_guest
refuse_guest:
	bcl 20, 31, 1f
1:	mflr %r31
	addi %r31, %r31, no_hypervisor_mode - 1b
	li %r30, (no_hypervisor_mode_end - no_hypervisor_mode) / CHARACTERS
2:	li %r3, H_PUT_TERM_CHAR
	li %r4, 0
	li %r5, CHARACTERS
	li %r0, 8
	ldbrx %r6, 0, %r31
	ldbrx %r7, %r31, %r0
	sc 1
	addi %r31, %r31, CHARACTERS
	addi %r30, %r30, -1
	cmpldi %r30, 0
	bne 2b
	b .

	/* Under OPAL, at the address the image is linked for, on the boot stack. */
	.globl refuse_processor
refuse_processor:
	li %r3, OPAL_CONSOLE_WRITE
	li %r4, 0
	lis %r5, old_processor_bytes@h
	ori %r5, %r5, old_processor_bytes@l
	lis %r6, old_processor@h
	ori %r6, %r6, old_processor@l
	bl opal_call
	nop
	li %r3, OPAL_CONSOLE_FLUSH
	li %r4, 0
	bl opal_call
	nop
	li %r3, OPAL_CEC_POWER_DOWN
	li %r4, 0
	bl opal_call
	nop
3:	li %r3, OPAL_POLL_EVENTS
	li %r4, 0
	bl opal_call
	nop
	b 3b

	/* Whole pieces of 16 characters. */
	.balign 16
no_hypervisor_mode:
	.ascii "tenure: cannot start: the processor is not in hypervisor mode "
	.ascii "(under QEMU: -M powernv9)\r\n"
	.balign 16, ' '
no_hypervisor_mode_end:

	.section .data.refuse, "aw", @progbits
	.balign 8
old_processor_bytes: /* big-endian */
	.byte 0, 0, 0, 0, 0, 0, 0, old_processor_end - old_processor
old_processor:
	.ascii "tenure: cannot start: this processor has no radix translation "
	.ascii "(POWER9 or later is needed)\r\n"
	.ascii "tenure: end status=70 reason=cannot-start\r\n"
old_processor_end:
