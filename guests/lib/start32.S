/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a Multiboot 1 guest begins: 32-bit flat, paging off, eax = the magic, ebx = the information. */
	.section .text.start, "ax"
	.balign 4
	.long 0x1badb002, 0x00000003, -(0x1badb002 + 0x00000003) /* modules page-aligned, a memory map */

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
