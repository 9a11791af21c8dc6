/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time is the TSC, scaled. Its rate is measured once against a clock whose rate is known: the HPET
 * if ACPI names one, else the PIT.
 */
#ifndef ARCH_X86_CLOCK_H
#define ARCH_X86_CLOCK_H

#include <stdint.h>

/* Measures the TSC. hpet: hpa of its registers, 0: none. NULL, or why it cannot be measured. */
const char *clock_init(uint64_t hpet);

/* Waits, with interrupts off. */
void clock_wait_ns(uint64_t ns);

/*
 * A ratio to / from as multiplier and shift: x * to / from = (x << shift) * mul >> 32, with a
 * negative shift to the right (the form of the paravirtual clock). Both rates at least 1000.
 */
struct clock_scale {
	uint32_t mul;
	int8_t shift;
};
struct clock_scale clock_scale(uint64_t from_hz, uint64_t to_hz);
uint64_t clock_scaled(struct clock_scale s, uint64_t ticks);

/* arch_time_ns() = (TSC - start) by this scale. */
struct clock_scale clock_tsc_scale(void);
uint64_t clock_tsc_start(void);

#endif
