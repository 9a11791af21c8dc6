/* SPDX-License-Identifier: BSD-2-Clause */
/* The partition table and the LPIDs. */
#ifndef ARCH_PPC64_STAGE2_H
#define ARCH_PPC64_STAGE2_H

#include "arch/arch.h"

/* The partition table is made; once. NULL, or what is missing. */
const char *stage2_init(void);
/* On each CPU: the table and the ways of translation. */
void stage2_enable(void);
/* The guest's process table: dw1 of its partition entry (gpa | log2(bytes) - 12). */
void stage2_process_table(struct arch_s2 *s2, uint64_t dw1);
uint64_t stage2_process_table_of(const struct arch_s2 *s2);
/* All translations of an LPID go, on every CPU (tlbie IS = 2, RIC = 2). */
void stage2_flush_lpid(uint64_t lpid);
/* Orders entries just written before a walk that follows. */
void stage2_published(void);

#endif
