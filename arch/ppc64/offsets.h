/* SPDX-License-Identifier: BSD-2-Clause */
/* Places that assembly and C agree on; start.c and vcpu.c assert them. Bytes. */
#ifndef ARCH_PPC64_OFFSETS_H
#define ARCH_PPC64_OFFSETS_H

#define STACK_ORDER 2
#define STACK_BYTES (4096 << STACK_ORDER)

/* struct cpu */
#define CPU_R11 0
#define CPU_R12 8
#define CPU_CTR 16
#define CPU_HANDLER 24
#define CPU_SP 32
#define CPU_VCPU 40

/* struct arch_vcpu */
#define VCPU_R 0
#define VCPU_PC 256
#define VCPU_MSR 264
#define VCPU_LR 272
#define VCPU_CTR 280
#define VCPU_CR 288
#define VCPU_XER 296

/* struct fp_state */
#define FP_FPSCR 1024
#define FP_VSCR 1040

/* struct trap_frame */
#define TRAP_R 0
#define TRAP_VECTOR 256
#define TRAP_LR 264
#define TRAP_CTR 272
#define TRAP_BYTES 288

/* The vectors and what follows them lie in the pages below this. */
#define VECTORS_END 0x4000

#endif
