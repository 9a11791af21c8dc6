/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's FPU and vector state, XCR0 and debug addresses: see fpu.c. */
#ifndef ARCH_X86_FPU_H
#define ARCH_X86_FPU_H

#include <stdint.h>

struct arch_vcpu;

/* On the boot CPU, after cpu_registers_set: XSAVE or FXSAVE? NULL, or why neither will do. */
const char *fpu_init(void);

/* On each CPU. */
void fpu_enable(void);

/* The state that a reset leaves (APM volume 2, 14.1.3). */
void fpu_reset(struct arch_vcpu *v);

void fpu_load(struct arch_vcpu *v);
void fpu_save(struct arch_vcpu *v);

/* The components that XCR0 may name, 0: no XSAVE. */
uint64_t fpu_components(void);

#endif
