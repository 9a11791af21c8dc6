/* SPDX-License-Identifier: BSD-2-Clause */
/* The timebase, and the hypervisor's decrementer. */
#ifndef ARCH_PPC64_CLOCK_H
#define ARCH_PPC64_CLOCK_H

#include <stdint.h>

/* hz: of the timebase, from the device tree. NULL, or what is wrong with it. */
const char *clock_init(uint64_t hz);
/* On each CPU: no timer. */
void clock_enable(void);
/* Sets the decrementer for this CPU's deadline, and `at_most` ticks from now. */
void clock_arm(uint64_t at_most);
/* The same for an entry: so that a kick is looked for, or a window that is wanted (clock.c). */
void clock_look(void);
/* Has this CPU's deadline passed? Then it is taken back. */
void clock_due(void);
/* arch_time_ns at a value of the timebase, rounded up. */
uint64_t clock_ns_at(uint64_t ticks);
uint64_t clock_ticks(uint64_t ns);

#endif
