/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of start-up, and the other CPUs. */
#ifndef ARCH_PPC64_START_H
#define ARCH_PPC64_START_H

#include "arch/arch.h"
#include "arch/ppc64/offsets.h"

/* What the device tree says of the processors. */
struct platform {
	uint64_t timebase_hz; /* 0: not said */
	bool radix;
	uint32_t cache_block; /* bytes, of the data cache; 0: not said */
	unsigned cpu_count;
	unsigned cpus_left_off; /* those beyond ARCH_MAX_CPUS */
	uint32_t pir[ARCH_MAX_CPUS];
};

/* tree.c: reads the tree at `tree`, which boot/opal.c has checked. NULL, or what is wrong. */
const char *platform_read(const void *tree, struct platform *out);

/* From arch/ppc64/entry.S, before all else. */
void start_early(void);
/* From arch/ppc64/entry.S, on another CPU, on its own stack: returns its number. */
struct cpu;
unsigned start_other(struct cpu *c);

/* Registers that each CPU sets before it may run guests. */
void cpu_enable(void);

/* smp.c: the CPUs of *p become cpus[], the one that runs as number 0. */
void smp_init(const struct platform *p);
/* Every other CPU leaves its guest and stays out. */
void smp_stop_others(void);
/* Stays for ever if the machine ends. */
void smp_stop_point(void);

/* traps.c */
void traps_install(void);
/* From traps.S: an exception of the hypervisor itself. */
struct context;
_Noreturn void trap_taken(const struct context *c, uint64_t vector);

#endif
