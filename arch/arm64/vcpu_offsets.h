/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets in struct arch_vcpu for assembly, asserted in vcpu.c. */
#ifndef ARCH_ARM64_VCPU_OFFSETS_H
#define ARCH_ARM64_VCPU_OFFSETS_H

#define VCPU_X 0
#define VCPU_PC 248
#define VCPU_PSTATE 256
#define VCPU_ESR 264

/* What guest_enter returns: which vector the guest left by. */
#define LEFT_SYNC 0
#define LEFT_IRQ 1
#define LEFT_SERROR 2
#define LEFT_AARCH32 3

#endif
