/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host exceptions and interrupts. An exception in the hypervisor is a defect of it: the registers
 * are printed and the machine stops. Interrupts come only where they are let in (arch_cpu_idle, the
 * host window of arch_vcpu_run): the kick, the timer, and what is spurious.
 */
#ifndef ARCH_X86_TRAPS_H
#define ARCH_X86_TRAPS_H

#define INTERRUPT_PIC 0x20 /* 0x20..0x2f: the masked 8259s, spurious at most */
#define INTERRUPT_KICK 0xf0
#define INTERRUPT_TIMER 0xf1
#define INTERRUPT_STOP 0xf2 /* the machine ends: stop for ever */
#define INTERRUPT_SPURIOUS 0xff

#ifndef __ASSEMBLER__

#include <stdint.h>

/* As traps.S pushes it. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Loads the IDT, which the first call builds. */
void trap_table_load(void);

/* From traps.S, interrupts off. */
void trap_taken(struct trap_frame *f);

/* traps.S: 256 entries of TRAP_STUB_BYTES. */
#define TRAP_STUB_BYTES 16u
extern const unsigned char trap_stubs[];

#endif
#endif
