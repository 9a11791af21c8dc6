/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU has of its own. HSPRG0 points to it, but while a guest runs to its vCPU: at a
 * CONTEXT in either case, which is where an interrupt keeps the registers.
 */
#ifndef ARCH_PPC64_PERCPU_H
#define ARCH_PPC64_PERCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/ppc64/cpu.h"
#include "arch/ppc64/offsets.h"

/* offsets.h; handler: where the vectors go on; cpu: whose HSPRG0 it is in, or is to be again. */
#define CONTEXT                             \
	uint64_t r[32];                     \
	uint64_t pc, msr, lr, ctr, cr, xer; \
	uint64_t handler;                   \
	struct cpu *cpu

struct cpu;
struct context {
	CONTEXT;
};

struct cpu {
	_Alignas(64) struct context context; /* of the hypervisor itself, at an exception */
	unsigned id;
	uint32_t pir;
	unsigned char *stack; /* its lowest byte */
	uint64_t deadline;    /* of arch_timer_set, in ticks of the timebase; UINT64_MAX: none */
	uint64_t lpid;	      /* in LPIDR */
	struct arch_vcpu *loaded;
	uint64_t counted; /* arch_counter's */
	_Atomic bool up, kicked;
};

extern struct cpu cpus[ARCH_MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	/* Not volatile: code stays on its CPU, so two readings may be made one. */
	__asm__("mfspr %0, %1" : "=r"(c) : "i"(SPR_HSPRG0));
	return c;
}

#endif
