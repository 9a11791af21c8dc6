/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making removed translations unusable on all CPUs. Where the processor broadcasts
 * (arch_s2_flush says true) there is nothing to do; elsewhere each CPU inside a guest of the VM is
 * kicked and seen to leave.
 *
 *   this CPU                                   a CPU that runs a vCPU of the VM
 *   leaves removed                             v->in_guest = cpu + 1          (seq_cst)
 *   arch_s2_flush: flush_gen raised (seq_cst)  arch_vcpu_run: looks at flush_gen, enters the guest
 *   looks at v->in_guest (seq_cst)             ... leaves it
 *   if set: kick that CPU, wait until          v->exits++; v->in_guest = 0    (release)
 *     in_guest or exits has changed
 *
 * Either this CPU sees in_guest, or the other sees flush_gen and flushes as it enters.
 */
#ifndef HV_SHOOTDOWN_H
#define HV_SHOOTDOWN_H

#include "hv/s2.h"
#include "mm/addr.h"

/*
 * When it returns no CPU and no device can use a removed translation of `range` (N4). The
 * consumer's lock is held, so that nothing is installed meanwhile; the CPUs waited for need no lock
 * to leave their guest.
 */
void shootdown(struct s2 *s2, struct gfn_range range) REQUIRES(s2->consumer.lock);

/* The same in two halves, for who has nothing to keep between them: flushes, and whether that was
 * all; else whoever may be inside is driven out. */
bool shootdown_flush(struct s2 *s2, struct gfn_range range) REQUIRES(s2->consumer.lock);
void shootdown_inside(struct s2 *s2) REQUIRES(s2->consumer.lock);

#endif
