/* SPDX-License-Identifier: BSD-2-Clause */
/* What each CPU has of its own. TPIDR_EL2 points to it. */
#ifndef ARCH_ARM64_PERCPU_H
#define ARCH_ARM64_PERCPU_H

#define STACK_ORDER 2
#define STACK_BYTES (4096 << STACK_ORDER)

/* struct cpu_start, for entry.S. */
#define CPU_START_ROOT 0
#define CPU_START_TCR 16
#define CPU_START_STACK 32
#define CPU_START_CPU 48

#ifndef __ASSEMBLER__

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"

#define LAST_VCPUS 64u

/* What a starting CPU reads without an MMU. */
struct cpu_start {
	uint64_t root, mair, tcr, sctlr, stack, go_on, cpu, hcr;
};

struct cpu {
	_Alignas(64) unsigned id;
	uint64_t mpidr;	  /* affinity fields only */
	uint64_t gicr_at; /* hpa of its redistributor's first frame, 0: not known yet */
	volatile uint8_t *gicr;
	unsigned char *stack; /* its lowest byte */
	_Atomic bool up, stopped;
	struct arch_vcpu *loaded;
	struct arch_vcpu *last_of_vmid[LAST_VCPUS]; /* by VMID modulo: who was loaded here last */
	struct cpu_start start;
};

extern struct cpu cpus[ARCH_MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	/* Not volatile: code stays on its CPU, so two readings may be made one. */
	__asm__("mrs %0, tpidr_el2" : "=r"(c));
	return c;
}

#endif
#endif
