/* SPDX-License-Identifier: BSD-2-Clause */
/* The list registers and the guest's timer; see vgic.c. */
#ifndef ARCH_ARM64_VGIC_H
#define ARCH_ARM64_VGIC_H

#include "arch/arm64/vcpu.h"

/* On each CPU. */
void vgic_enable(void);

void vgic_reset(struct arch_vcpu *v);
void vgic_load(struct arch_vcpu *v);
void vgic_unload(struct arch_vcpu *v);

/* After an exit: what the guest has finished with is noted. Cheap when nothing was in flight. */
__attribute__((noinline)) void vgic_sync(struct arch_vcpu *v);

/* The maintenance interrupt was taken, and has switched the interface off: on again. */
void vgic_maintained(struct arch_vcpu *v);

/* Does a list register hold an interrupt that the guest has not taken? */
bool vgic_pending(const struct arch_vcpu *v);

/* Has the guest both groups off at its CPU interface, so that none is signalled? While loaded. */
bool vgic_off(void);

/* The guest's timer has interrupted this CPU. */
void vtimer_fired(struct arch_vcpu *v);

/* Before an entry: has the line changed since hv was told? true: *level is what to tell. */
bool vtimer_changed(struct arch_vcpu *v, bool *level);

/* When the guest's timer will raise its line, ns of arch_time_ns; UINT64_MAX: never, or it has. */
uint64_t vtimer_next(const struct arch_vcpu *v);

/* The line is high now, and hv does not know it yet: the interrupt is about to come. */
bool vtimer_due(const struct arch_vcpu *v);

#endif
