/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH entry (x86/HVM direct boot ABI): QEMU's -kernel finds it by the note and enters it in
 * 32-bit protected mode, flat segments, paging off, ebx = struct pvh_start. It checks for long mode
 * and NX, maps the low 4 GiB twice by one page-directory-pointer table - at 0, and at the top so
 * that the image is at its link address - and goes on in C. Nothing here is used again after the
 * hand-over.
 */

#define COM1 0x3f8
#define COM1_STATUS (COM1 + 5)
#define COM1_READY 0x20

#define CODE64 8
#define DATA 16

	.section .note.pvh, "a", @note
	.balign 4
	.long 4		/* name bytes */
	.long 8		/* value bytes */
	.long 18	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_entry

	.section .bss..boot, "aw", @nobits
	.balign 4096
tables:
	.skip 4096	/* PML4 */
	.skip 4096	/* PDPT, used at both ends */
	.skip 4 * 4096	/* page directories of the low 4 GiB */
stack:
	.skip 16384
stack_top:

	.section .boot.text, "ax", @progbits
	.code32
	.globl pvh_entry
pvh_entry:
	cli
	cld
	mov $stack_top, %esp
	mov %ebx, %ebp

	/* Long mode and NX: CPUID 8000_0001 EDX bits 29 and 20. */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc no_long_mode
	bt $20, %edx
	jnc no_nx

	/* Is there memory where QEMU was to put the image? Its last word must be changeable. */
	mov $image_load_end - 4, %esi
	notl (%esi)
	mov (%esi), %eax
	notl (%esi)
	not %eax
	cmp (%esi), %eax
	jne no_memory

	/* 2048 entries of 2 MiB: present, writable, large. */
	xor %ecx, %ecx
	mov $0x83, %eax
1:	mov %eax, tables + 2 * 4096(, %ecx, 8)
	movl $0, tables + 2 * 4096 + 4(, %ecx, 8)
	add $0x200000, %eax
	inc %ecx
	cmp $2048, %ecx
	jb 1b

	/* The four directories at 0..4 GiB, the first two again at the last 2 GiB. */
	mov $tables + 4096, %edi
	mov $tables + 2 * 4096 + 3, %eax
	mov %eax, (%edi)
	mov %eax, 510 * 8(%edi)
	add $4096, %eax
	mov %eax, 8(%edi)
	mov %eax, 511 * 8(%edi)
	add $4096, %eax
	mov %eax, 16(%edi)
	add $4096, %eax
	mov %eax, 24(%edi)

	mov $tables, %edi
	movl $tables + 4096 + 3, (%edi)
	movl $tables + 4096 + 3, 511 * 8(%edi)

	mov %edi, %cr3
	mov %cr4, %eax
	or $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx		/* EFER */
	rdmsr
	or $0x900, %eax			/* LME, NXE */
	wrmsr
	mov %cr0, %eax
	or $0x80010001, %eax		/* PG, WP, PE */
	mov %eax, %cr0
	lgdt descriptor
	ljmp $CODE64, $long_mode

no_long_mode:
	mov $text_no_long_mode, %esi
	jmp stop
no_nx:
	mov $text_no_nx, %esi
	jmp stop
no_memory:
	mov $text_no_memory, %esi
stop:
	mov $COM1_STATUS, %dx
2:	in %dx, %al
	test $COM1_READY, %al
	jz 2b
	lodsb
	test %al, %al
	jz 3f
	mov $COM1, %dx
	out %al, %dx
	jmp stop
3:	mov $0xf4, %dx			/* BOOT_EXIT_PORT */
	mov $0x22, %eax			/* BOOT_EXIT_FAILED */
	out %eax, %dx
4:	hlt
	jmp 4b

	.code64
long_mode:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $stack_top, %esp
	mov %ebp, %edi
	xor %ebp, %ebp
	movabs $pvh_main, %rax
	call *%rax			/* the stack is as the psABI wants it at an entry */
	ud2

	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* CODE64 */
	.quad 0x00cf93000000ffff	/* DATA */
descriptor:
	.word . - gdt - 1
	.long gdt

text_no_long_mode:
	.asciz "boot: this processor has no long mode; the machine stops here.\r\n"
text_no_nx:
	.asciz "boot: this processor has no no-execute bit; the machine stops here.\r\n"
text_no_memory:
	.ascii "boot: there is less memory than the hypervisor's image takes; "
	.asciz "the machine stops here.\r\n"
