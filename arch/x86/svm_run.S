/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * svm_run: rdi = struct arch_vcpu. Not a C function: it keeps rsp and rbp and nothing else. Its
 * one caller (vcpu.c) says so to the compiler, which then saves what it needs and no more.
 *
 * The one way into a guest and out of it. VMRUN switches rax, rsp, rip, rflags, the control
 * registers and most segments; VMLOAD and VMSAVE the rest of the segments and the system call
 * registers; this file the other general registers. The guest's FPU state is live throughout.
 *
 * Entered and left with GIF = 0 and IF = 1. VMRUN sets GIF: with V_INTR_MASKING the host's IF,
 * 1, lets host interrupts end the guest at once, and one that is pending already does so before
 * the guest's first instruction.
 *
 * The emulator does not load the guest's interrupt shadow at VMRUN but keeps that of the host.
 * So the shadow is made here, by an STI that really sets IF directly before VMRUN, when the
 * guest has one; a processor that loads it from the VMCB ends in the same state.
 */
#include "arch/x86/percpu.h"
#include "arch/x86/vcpu.h"

#define REG(n) (VCPU_REGS + 8 * (n))

	.section .text.svm_run, "ax", @progbits
	.balign 16
	.globl svm_run
svm_run:
	push %rbp
	push %rdi
	pushq %gs:CPU_HOST_VMCB
	mov VCPU_VMCB_PA(%rdi), %rax
	testb $1, VCPU_INTERRUPT_STATE(%rdi)	/* kept in ZF: mov changes no flags */
	mov REG(1)(%rdi), %rcx
	mov REG(2)(%rdi), %rdx
	mov REG(3)(%rdi), %rbx
	mov REG(5)(%rdi), %rbp
	mov REG(6)(%rdi), %rsi
	mov REG(8)(%rdi), %r8
	mov REG(9)(%rdi), %r9
	mov REG(10)(%rdi), %r10
	mov REG(11)(%rdi), %r11
	mov REG(12)(%rdi), %r12
	mov REG(13)(%rdi), %r13
	mov REG(14)(%rdi), %r14
	mov REG(15)(%rdi), %r15
	mov REG(7)(%rdi), %rdi
	vmload %rax
	jnz 2f
	vmrun %rax
1:	vmsave %rax
	pop %rax
	vmload %rax			/* the host's GS and TR again: C may run */
	pop %rax
	mov %rcx, REG(1)(%rax)
	mov %rdx, REG(2)(%rax)
	mov %rbx, REG(3)(%rax)
	mov %rbp, REG(5)(%rax)
	mov %rsi, REG(6)(%rax)
	mov %rdi, REG(7)(%rax)
	mov %r8, REG(8)(%rax)
	mov %r9, REG(9)(%rax)
	mov %r10, REG(10)(%rax)
	mov %r11, REG(11)(%rax)
	mov %r12, REG(12)(%rax)
	mov %r13, REG(13)(%rax)
	mov %r14, REG(14)(%rax)
	mov %r15, REG(15)(%rax)
	pop %rbp
	ret

2:	cli
	sti
	vmrun %rax
	jmp 1b
