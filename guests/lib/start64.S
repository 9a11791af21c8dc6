/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the 64-bit guests begin: entered by PVH (32-bit flat, paging off, ebx = hvm_start_info),
 * they map the first 8 GiB one to one with 2 MiB pages and go on in long mode. Other vCPUs come in
 * at secondary_entry, in 32-bit flat mode or in long mode, whichever the hypervisor starts them in.
 */
#define PAGES_2M 4096 /* 8 GiB */
#define STACK_SHIFT 14
#define MAX_CPUS 16

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad start32

	.section .text.start, "ax"
	.code32
	.globl start32
start32:
	cli
	cld
	movl %ebx, start_info
	movl $page_pd + 7, %eax
	movl $page_pdpt, %edi
	movl $(PAGES_2M / 512), %ecx
1:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $page_pd, %edi
	movl $0x87, %eax /* present, writable, user, 2 MiB */
	xorl %edx, %edx
	movl $PAGES_2M, %ecx
2:	movl %eax, (%edi)
	movl %edx, 4(%edi)
	addl $0x200000, %eax
	adcl $0, %edx
	addl $8, %edi
	loop 2b
	movl $page_pdpt + 7, page_pml4
	xorl %ebp, %ebp
	xorl %edi, %edi

to_long_mode:
	movl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $page_pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax /* NXE, LME, SCE */
	wrmsr
	movl $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $in_long_mode

	.balign 16
	.globl secondary_entry
secondary_entry:
	/* The same in both modes, but for 0x40: `inc %eax` in one, a prefix in the other. */
	movl %eax, %ebp
	xorl %eax, %eax
	.byte 0x40
	nop
	testl %eax, %eax
	jnz to_long_mode
	.code64
	movq $page_pml4, %rax
	movq %rax, %cr3
	movl $0x620, %eax
	movq %rax, %cr4
	lgdt gdt_pointer
	pushq $8
	pushq $in_long_mode
	lretq

in_long_mode:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	/* Each vCPU that comes by takes the next stack. */
	movl $1, %eax
	lock xaddl %eax, next_stack
	movl %eax, %ebx
	leal 1(%rax), %ecx
	shll $STACK_SHIFT, %ecx
	leaq stacks(%rcx), %rsp
	movl %ebp, %esi
	testl %ebx, %ebx
	jnz 3f
	movl start_info, %edi
	call guest_start
3:	call secondary_start
4:	cli
	hlt
	jmp 4b

	/* Exceptions: the processor's frame, an error code or 0, the vector, the registers. */
	.text
	.macro trap_entry vector
	.balign 16
	.if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17)
	pushq $0
	.endif
	pushq $\vector
	jmp trap_common
	.endm
	.globl trap_entries
	.balign 16
trap_entries:
	.set vector, 0
	.rept 32
	trap_entry vector
	.set vector, vector + 1
	.endr

trap_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	movq %rsp, %rdi
	cld
	call trap
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.section .rodata
	.balign 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff /* 8: 64-bit code */
	.quad 0x00cf93000000ffff /* 16: data */
	.quad 0x00affb000000ffff /* 24: user code, 64-bit */
	.quad 0x00cff3000000ffff /* 32: user data */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.bss
	.balign 4096
	.globl page_pml4, page_pd
page_pml4: .skip 4096
page_pdpt: .skip 4096
page_pd: .skip 8 * PAGES_2M
stacks:	.skip MAX_CPUS << STACK_SHIFT
start_info: .skip 4
next_stack: .skip 4
