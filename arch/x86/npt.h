/* SPDX-License-Identifier: BSD-2-Clause */
/* Nested page tables: see npt.c. The functions of the contract are in arch/arch.h. */
#ifndef ARCH_X86_NPT_H
#define ARCH_X86_NPT_H

/* Geometry, ASIDs. After svm_check. */
void npt_init(void);

/* Of this processor's addresses, 36..52. */
unsigned npt_physical_bits(void);

/* TLB_FLUSH_ASID where the processor has it, else TLB_FLUSH_ALL. */
unsigned char npt_flush_command(void);

#endif
