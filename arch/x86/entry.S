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

	/*
	 * bool smp_switch(uint64_t *rsp, bool (*start)(void)): the caller goes on on another
	 * processor. Keeps what a C function keeps on the stack, tells where that is in *rsp, and
	 * calls start on a stack of its own. If start says that the other processor has taken
	 * over, from entry_switched, this one stops for ever; else it returns itself, false.
	 */
	.globl smp_switch, entry_switched
smp_switch:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsp, %rbx
	lea boot_stack + 4096(%rip), %rsp	/* of IST 1, which nothing uses meanwhile */
	call *%rsi
	test %al, %al
	jnz 1f
	mov %rbx, %rsp
	xor %eax, %eax
	jmp 2f
1:	cli
	hlt
	jmp 1b

entry_switched:
	add $8, %rsp				/* trampoline.S calls */
	mov $1, %eax
2:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	/* STACK_BYTES: three pages for IST 1..3, then the stack. */
	.section .bss.boot_stack, "aw", @nobits
	.balign 4096
	.globl boot_stack
boot_stack:
	.skip 32768
