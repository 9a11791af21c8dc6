/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of start-up, PSCI, and the other CPUs. */
#ifndef ARCH_ARM64_START_H
#define ARCH_ARM64_START_H

#include "arch/arch.h"
#include "arch/arm64/platform.h"

/* From entry.S, before hv_main: vectors and console. */
void start_early(void);

/* From entry.S, on another CPU, with its own stack and the final tables. */
void start_other(unsigned cpu);

/* smp.c: the CPUs of *p become cpus[], the one that runs as number 0. NULL, or what is missing. */
const char *smp_init(const struct platform *p);

/* A call to the firmware by the SMC calling convention (DEN 0028): x0..x3 -> x0. */
int64_t firmware_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c);

#define PSCI_CPU_ON UINT64_C(0xc4000003)
#define PSCI_SYSTEM_OFF UINT64_C(0x84000008)

/* pci.c */
void pci_init(const struct platform *p);

/* wall.c */
void wall_init(const struct platform *p);

#endif
