/* SPDX-License-Identifier: BSD-2-Clause */
/* The EL1 and EL0 registers of a vCPU, on and off a CPU; see switch.c. */
#ifndef ARCH_ARM64_SWITCH_H
#define ARCH_ARM64_SWITCH_H

#include "arch/arm64/vcpu.h"

/* As the architecture and PSCI have them at a CPU's start. */
void switch_reset(struct arch_vcpu *v);
void switch_load(const struct arch_vcpu *v);
void switch_unload(struct arch_vcpu *v);

/* The registers of the vCPU that is loaded, which stay in the processor. */
void switch_read(struct el1_state *s);

#endif
