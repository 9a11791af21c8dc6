/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC: kicks between CPUs, start-up of CPUs, the one-shot timer. xAPIC or x2APIC,
 * whichever mode the firmware left the boot CPU in (x2APIC if both are possible).
 */
#ifndef ARCH_X86_APIC_H
#define ARCH_X86_APIC_H

#include <stdint.h>

/* On the boot CPU: chooses the mode, maps the registers of an xAPIC. NULL, or what is missing. */
const char *apic_init(uint64_t base);

/* On each CPU, after apic_init: enables it, nothing but our own vectors come. */
void apic_enable(void);

uint32_t apic_id(void);

/* Sends `vector` to one CPU by its APIC id. */
void apic_send(uint32_t to, unsigned vector);

/* INIT, and START with the page number of real-mode code (APM volume 2, 16.5). */
void apic_send_init(uint32_t to);
void apic_send_start(uint32_t to, unsigned page);

void apic_end_of_interrupt(void);

/* Learns the rate of the timer's clock from the TSC, which clock_init has measured. Boot CPU. */
void apic_timer_calibrate(void);

/* From trap_taken: the timer's interrupt; sets it again if it came early. */
void apic_timer_fired(void);

#endif
