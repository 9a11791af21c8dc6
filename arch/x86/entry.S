/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instruction of the hypervisor, from whichever loader, in the state that
 * boot/handover_x86.h describes: rdi = struct bootinfo in the linear map, .bss already zero.
 * Takes a stack of its own, makes exceptions reportable, goes on in hv_main.
 */
	.section .text.entry, "ax", @progbits
	.globl entry
entry:
	cli
	cld
	lea boot_stack + 32768(%rip), %rsp
	xor %ebp, %ebp
	mov %rdi, %rbx
	call start_early
	mov %rbx, %rdi
	call hv_main
	ud2

	/* Another CPU, from trampoline.S, with its own stack: edi = its number. */
	.globl entry_other
entry_other:
	mov %edi, %ebx
	call start_other
	mov %ebx, %edi
	call hv_cpu_main
	ud2

	/* STACK_BYTES: three pages for IST 1..3, then the stack. */
	.section .bss.boot_stack, "aw", @nobits
	.balign 4096
	.globl boot_stack
boot_stack:
	.skip 32768
