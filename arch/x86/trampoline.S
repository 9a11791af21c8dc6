/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What another CPU executes first: in real mode, at the start of a page below 1 MiB that smp.c
 * copied this to, cs = page >> 4. To long mode by way of protected mode, on tables that map this
 * page at its own address; then to entry_other in the image. Position-independent: ebx holds
 * where the page lies. The page is mapped read-only, so nothing here writes to it, and the
 * descriptors' accessed bits are set.
 */
	.section .rodata.trampoline, "a", @progbits
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_parameters
trampoline_start:
	.code16
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	xor %ebx, %ebx
	mov %ax, %bx
	shl $4, %ebx
	/* The GDT's address, and the far pointer to the 32-bit part, were filled in by smp.c. */
	lgdtl (gdt_register - trampoline_start)
	mov $1, %eax
	mov %eax, %cr0
	ljmpl *(far32 - trampoline_start)

	.code32
protected_mode:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $0x20, %eax			/* CR4.PAE */
	mov %eax, %cr4
	mov (root - trampoline_start)(%ebx), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010021, %eax		/* PG, WP, NE, PE */
	mov %eax, %cr0
	ljmpl *(far64 - trampoline_start)(%ebx)

	.code64
long_mode:
	mov (stack - trampoline_start)(%rbx), %rsp
	mov (cpu - trampoline_start)(%rbx), %edi
	xor %ebp, %ebp
	mov (entry - trampoline_start)(%rbx), %rax
	call *%rax
	ud2

	.balign 16
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00af9b000000ffff	/* 0x10: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x18: data */

	/* struct trampoline_parameters of smp.c, filled in by it. */
	.balign 16
trampoline_parameters:
stack:	.quad 0
entry:	.quad 0
root:	.long 0
cpu:	.long 0
far32:	.long protected_mode - trampoline_start
	.short 0x08
	.short 0
far64:	.long long_mode - trampoline_start
	.short 0x10
	.short 0
gdt_register:
	.short 31
	.long gdt - trampoline_start
trampoline_end:
