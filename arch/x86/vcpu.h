/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU as this port sees it: the VMCB, the registers that VMRUN does not switch, and what has to
 * be remembered between an exit and its completion.
 */
#ifndef ARCH_X86_VCPU_H
#define ARCH_X86_VCPU_H

/* Offsets for svm_run.S, asserted in vcpu.c. */
#define VCPU_INTERRUPT_STATE 0x068
#define VCPU_REGS 0x1000
#define VCPU_VMCB_PA 0x1080

#ifndef __ASSEMBLER__

#include <stdalign.h>

#include "arch/arch.h"
#include "arch/x86/vmcb.h"

/* Registers by their number in an instruction's encoding. */
enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* What the completion of an access does, besides advancing rip. */
enum io_way {
	IO_NOTHING,	/* no access is open */
	IO_TO_REGISTER, /* the value read goes to a register */
	IO_WRITTEN,	/* a write, complete once it is served */
	IO_STRING_IN,	/* the value goes to memory at ES:rDI (INS, MOVS) */
	IO_STRING_OUT,	/* it came from memory at rSI (OUTS, MOVS) or from rAX (STOS) */
	IO_STRING_LOAD, /* LODS: to rAX, rSI moves */
	IO_COMPUTE,	/* read, then an operation: see io_plan.operation */
	IO_SECOND,	/* the write that follows such a read: see struct io_second */
};

enum io_operation {
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_ADD,
	OP_ADC,
	OP_SUB,
	OP_SBB,
	OP_CMP,	 /* as SUB, nothing written */
	OP_TEST, /* as AND, nothing written */
	OP_XCHG,
	OP_NOT,
	OP_NEG,
	OP_INC,
	OP_DEC,
	OP_BT, /* nothing written */
	OP_BTS,
	OP_BTR,
	OP_BTC,
};

/* An access that hv has been told of and has not completed. */
struct io_plan {
	enum io_way way;
	uint8_t bytes;		/* of the access */
	uint8_t register_bytes; /* of the register that a read goes to */
	uint8_t reg;		/* its number; with high_byte: AH, CH, DH, BH */
	bool high_byte;
	bool sign;	       /* MOVSX */
	bool to_register;      /* the operation's left operand and result are the register's */
	bool repeat;	       /* REP: rCX counts */
	bool moves_both;       /* MOVS: rSI and rDI both move */
	uint8_t address_bytes; /* of rCX, rSI, rDI */
	enum io_operation operation;
	uint64_t operand; /* the operation's other operand */
	uint64_t next_rip;
};

/* The second half of a read-modify-write: the value is computed, the write is still to be done. */
struct io_second {
	bool due;
	uint64_t rip, gpa;
	uint64_t value; /* to be written */
	uint64_t rflags,
		reg; /* the guest's then; reg: of the plan's register, where it changes (XCHG) */
};

/* FXSAVE or XSAVE area, and how much of it there may be. */
#define FPU_BYTES 2816u

struct arch_vcpu {
	alignas(4096) struct vmcb vmcb;

	/* By enum reg; rax and rsp are in the VMCB while the guest runs, and their places here
	 * unused. */
	alignas(64) uint64_t regs[16];

	uint64_t vmcb_pa;
	struct arch_s2 *s2;
	struct vcpu *owner;
	uint64_t seen_gen; /* of s2->flush_gen: flushes up to it were obeyed on last_cpu */
	uint32_t asid;
	unsigned last_cpu; /* where it was loaded last; ARCH_MAX_CPUS: nowhere yet */
	unsigned index;
	bool loaded;

	struct io_plan io;
	struct io_second second;

	/* Not in the VMCB. */
	uint64_t dr[4];
	uint64_t xcr0;
	uint64_t refused;      /* MSRs that it may not have, since it was made */
	bool pv_clock;	       /* offered: leaves 4000_000x and their MSRs are there */
	uint64_t clock_msr[2]; /* wall, running: as the guest wrote them */
	uint32_t tsc_writes;   /* by the guest: each moves its clock page's stamp */

	alignas(64) unsigned char fpu[FPU_BYTES];
};

static inline uint64_t vcpu_reg(const struct arch_vcpu *v, unsigned n)
{
	return n == RAX ? v->vmcb.rax : n == RSP ? v->vmcb.rsp : v->regs[n];
}

static inline void vcpu_reg_set(struct arch_vcpu *v, unsigned n, uint64_t value)
{
	if (n == RAX)
		v->vmcb.rax = value;
	else if (n == RSP)
		v->vmcb.rsp = value;
	else
		v->regs[n] = value;
}

/* In 64-bit mode: long mode is active and the code segment says L. */
static inline bool vcpu_long64(const struct arch_vcpu *v)
{
	return (v->vmcb.efer >> 10 & 1) && (v->vmcb.cs.attributes & SEGMENT_LONG);
}

/* rip as the mode has it, and no interrupt shadow: an instruction is complete. */
static inline void vcpu_go_on_at(struct arch_vcpu *v, uint64_t rip)
{
	v->vmcb.rip = vcpu_long64(v) ? rip : (uint32_t)rip;
	v->vmcb.interrupt_state &= ~INTERRUPT_SHADOW;
}

static inline void vcpu_skip(struct arch_vcpu *v, unsigned bytes)
{
	vcpu_go_on_at(v, v->vmcb.rip + bytes);
}

/* inject.c */
void inject_exception(struct arch_vcpu *v, unsigned vector);
void inject_exception_error(struct arch_vcpu *v, unsigned vector, uint32_t error);
void inject_page_fault(struct arch_vcpu *v, uint64_t address, uint32_t error);
/* After an exit: an event whose delivery the exit broke off is delivered again, if it must be. */
void inject_again(struct arch_vcpu *v);

/* cpuid.c, msr.c: serve the exit and complete the instruction. */
void cpuid_serve(struct arch_vcpu *v);
/* true: served; false: *out says what the guest wants of hv (EXIT_CLOCK). */
bool msr_serve(struct arch_vcpu *v, struct exit *out);

/* decode.c: a string port access; EXIT_IO in *out, or EXIT_HOST when there is nothing to do now. */
void decode_port_string(struct arch_vcpu *v, struct exit *out);
/* The mov to CR8 at rip; false: it is not one. */
bool decode_cr8_write(struct arch_vcpu *v, uint64_t *value, unsigned *bytes);
/*
 * The operation on two operands of `bytes` bytes: its result, and *rflags as it leaves them. Pure;
 * the rest of what a plan needs is in io.c.
 */
uint64_t io_operate(enum io_operation op, uint64_t left, uint64_t right, unsigned bytes,
		    uint64_t *rflags);
/* io.c: the value a read-modify-write has read is known; what is to be written goes to v->second.
 */
void io_compute(struct arch_vcpu *v, uint64_t gpa, uint64_t value);

/* Up to `room` bytes at rip, as many as can be read without faulting anything in twice. */
size_t decode_fetch(struct arch_vcpu *v, unsigned char *bytes, size_t room);

#endif
#endif
