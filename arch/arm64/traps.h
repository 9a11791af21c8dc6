/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions in the hypervisor itself; see traps.S and traps.c. */
#ifndef ARCH_ARM64_TRAPS_H
#define ARCH_ARM64_TRAPS_H

#include <stdbool.h>
#include <stdint.h>

/* As traps.S lays it out. */
struct trap_frame {
	uint64_t x[31];
	uint64_t sp, elr, spsr;
	uint64_t vector; /* 0..3 with SP_EL0, 4..7 with SP_EL2: synchronous, IRQ, FIQ, SError */
};

extern const unsigned char vectors[];

/* Points this CPU's VBAR_EL2 to the vectors. */
void traps_load(void);

void trap_taken(struct trap_frame *f);

/*
 * The semihosting call `operation` with its block of `parameters` (Arm IHI: HLT 0xf000). false:
 * nobody listens, the instruction was undefined.
 */
bool semihosting(uint64_t operation, const void *parameters);

#endif
