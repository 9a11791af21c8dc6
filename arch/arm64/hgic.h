/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's GICv3 (IHI 0069): this CPU's redistributor and its CPU interface by system registers.
 * The hypervisor uses private interrupts only; everything of the distributor stays off. EOImode is
 * 1: ending an interrupt and deactivating it are two steps, so that the guest's timer interrupt can
 * stay active until the guest itself ends it.
 */
#ifndef ARCH_ARM64_HGIC_H
#define ARCH_ARM64_HGIC_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arm64/platform.h"

#define HGIC_KICK 0u /* SGIs */
#define HGIC_STOP 1u
#define HGIC_MAINTENANCE 25u
#define HGIC_SPURIOUS 1020u /* this and above */

/* On the boot CPU: finds the redistributors of all CPUs in cpus[]. NULL, or what is missing. */
const char *hgic_init(const struct platform *p);

/* On each CPU, with its redistributor known. */
void hgic_enable(void);

void hgic_send(unsigned cpu, unsigned sgi);

/* What this CPU's interrupts were, seen while a host waits or a guest was left. */
struct hgic_taken {
	bool guest_timer, maintenance;
	bool others; /* the host's timer, which is off now, or a kick */
};

/* Takes every interrupt that is pending on this CPU; the guest's timer stays active. */
struct hgic_taken hgic_take_all(void);

/* The guest's timer interrupt on this CPU: is it to count as active? */
void hgic_timer_active(bool active);

#endif
