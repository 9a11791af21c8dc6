/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a Multiboot 1 guest begins: 32-bit flat, eax = the magic, ebx = its information. */
	.section .text.start, "ax"
	.balign 4
	/* The header: modules page-aligned, a memory map. */
	.long 0x1badb002, 3, -(0x1badb002 + 3)

	.globl start32
start32:
	cli
	cld
	movl $stack_top, %esp
	pushl %ebx
	pushl %eax
	call multiboot_start
1:	hlt
	jmp 1b

	.bss
	.balign 16
	.skip 16384
stack_top:
