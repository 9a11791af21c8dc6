/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generic timer (Arm ARM D11): the counter as the clock, the EL2 physical timer as the host's
 * one interrupt, INTID 26. Guests see the same counter by the virtual one, offset so that it counts
 * from the hypervisor's start-up.
 */
#ifndef ARCH_ARM64_CLOCK_H
#define ARCH_ARM64_CLOCK_H

#include <stdint.h>

#define TIMER_HOST_INTID 26u
#define TIMER_GUEST_INTID 27u

/* On the boot CPU, once. NULL, or why there is no clock. */
const char *clock_init(void);

/* The cycle counter (arch_counter) counts on this CPU from here on; at the very beginning. */
void clock_count(void);

/* On each CPU: the counters it may show to guests, its timer off, the cycle counter on. */
void clock_enable(void);

/* The host timer has fired: off until it is set again. */
void clock_timer_fired(void);

/* CNTVCT as a guest sees it -> ns of arch_time_ns; UINT64_MAX when it is beyond that. */
uint64_t clock_guest_ns(uint64_t ticks);

void clock_wait_ns(uint64_t ns);

#endif
