/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one stage-2 fault handler (S1, S2): memslot, token, follow_pfn, install - and what to do when
 * a notice came in between.
 */
#ifndef HV_FAULT_H
#define HV_FAULT_H

#include "arch/arch.h"
#include "mm/result.h"

struct vcpu;

/*
 * Serves a fault of `v`, on the CPU that runs it, without locks. OK: the guest can repeat its
 * instruction. BUSY: nothing is left behind, but the vCPU must wait until a notice ends (the
 * stage-2 consumer's `released` wakes it, sched_wake_waiting); v->fault_pending is then set, and
 * whoever resumes the vCPU calls fault_serve with the same fault before it enters the guest again,
 * since the vCPU may hold its turn (N8). NO_MEMSLOT, READONLY_MEMSLOT: perhaps a device. Others:
 * refusals. RACED is not returned: the handler itself looks up again, at most NOTICE_MAX_ROUNDS
 * times.
 */
enum result fault_serve(struct vcpu *v, const struct s2_fault *fault);

/* The vCPU will not come back to its pending fault: gives its turn back. */
void fault_abandon(struct vcpu *v);

#endif
