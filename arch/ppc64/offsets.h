/* SPDX-License-Identifier: BSD-2-Clause */
/* Places that assembly and C agree on; start.c and vcpu.c assert them. Bytes. */
#ifndef ARCH_PPC64_OFFSETS_H
#define ARCH_PPC64_OFFSETS_H

#define STACK_ORDER 2
#define STACK_BYTES (4096 << STACK_ORDER)

/* CONTEXT of percpu.h */
#define CONTEXT_R 0
#define CONTEXT_PC 256
#define CONTEXT_MSR 264
#define CONTEXT_LR 272
#define CONTEXT_CTR 280
#define CONTEXT_CR 288
#define CONTEXT_XER 296
#define CONTEXT_HANDLER 304
#define CONTEXT_CPU 312

/* struct arch_vcpu */
#define VCPU_HOST_SP 320
#define VCPU_HOST_LR 328
#define VCPU_HOST_R31 336

/* struct fp_state */
#define FP_FPSCR 1024
#define FP_VSCR 1040

/* The vectors and what follows them lie in the pages below this. */
#define VECTORS_END 0x4000

#endif
