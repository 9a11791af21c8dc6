/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two halves of the run-time: guest.c, and guest_ARCH.c with start_ARCH's code. */
#ifndef GUESTS_LIB_RUN_H
#define GUESTS_LIB_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* ---- guest.c -----------------------------------------------------------------------------------
 */

/* The first vCPU, on its stack. hypervisor: there is one that answers hypercalls. */
_Noreturn void guest_begin(const char *cmdline, bool hypervisor);

/* Another one, with what the two registers held in which an argument may come. */
_Noreturn void secondary_start(uint64_t first, uint64_t second);

/* ---- The architecture's ------------------------------------------------------------------------
 */

/* Where another vCPU is to begin: physical, as the hypervisor enters it. */
extern char secondary_entry[];

/* x86: what is executed for a vector; below 32 it is trap()'s otherwise. */
void trap_gate(unsigned vector, const char *code);

/* Exceptions of the calling vCPU are trap()'s from here on. */
void traps_init(void);

#endif
