/* SPDX-License-Identifier: BSD-2-Clause */
/* An interrupt of the board's serial line, for measuring how long it takes to a guest's handler. */
#ifndef GUESTS_LIB_IRQ_H
#define GUESTS_LIB_IRQ_H

#include <stdint.h>

/* Before the first irq_cost, on the vCPU that takes interrupts (the first). */
void irq_prepare(void);

/*
 * One interrupt: cycles() from before the device's register is written that raises it to the first
 * instruction of the handler. 0: none came.
 */
uint64_t irq_cost(void);

/*
 * A vCPU that has nothing to do lets interrupts in from now on. ppc64: its decrementer's, which
 * then do nothing on any vCPU, and with them the host's kicks, which QEMU gives only to a guest
 * that takes interrupts. Elsewhere it does nothing: a kick comes to any guest.
 */
void irq_let_in(void);

#endif
