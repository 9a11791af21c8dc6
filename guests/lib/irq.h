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

#endif
