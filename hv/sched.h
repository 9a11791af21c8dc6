/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU runs on which CPU: one queue for all, first come first served, a time slice each. A
 * CPU with nothing to run sleeps until a kick or the next event of a board.
 *
 * A vCPU's state changes only under the scheduler's lock, which is a leaf: sched_wake may be called
 * with any other lock held but the scheduler's own. An event that comes while the vCPU runs
 * is remembered in `wake`, so that it does not fall asleep over it.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct vm;

void sched_init(uint64_t quantum_ns);

/* The loop of a CPU; does not return. */
_Noreturn void sched_loop(unsigned cpu);

/* One turn of the loop: the boards' events, then a vCPU's slice, or a sleep. For tests, and the
 * loop. */
void sched_turn(unsigned cpu);

/* Makes a vCPU that is OFF ready to run; false: it is not OFF. */
bool sched_start(struct vcpu *v);

/*
 * Something happened that a vCPU may be waiting for (an interrupt, a notice's end, a stop or start
 * of its VM): a waiting one becomes ready, a running one leaves its guest and looks. Any context.
 */
void sched_wake(struct vcpu *v);
void sched_wake_vm(struct vm *vm);

/*
 * As sched_wake_vm, for the end of a notice or of a turn: makes those ready that wait for it, and
 * does not disturb those in the guest. Where nobody waits, or is about to, it is a look at a
 * counter. A vCPU that is to wait looks once more after it was counted.
 */
void sched_wake_waiting(struct vm *vm);

/* Wakes the vCPUs that have an interrupt pending. */
void sched_wake_irq(struct vm *vm);

/*
 * After a host interrupt, on the CPU that took it: the boards' events that are due, the console, a
 * new timer. true: the vCPU's slice is over, it must make room.
 */
bool sched_interrupted(void);

/* A board's event may have moved (after an access to it): sets this CPU's timer if it is sooner. */
void sched_event_moved(uint64_t when_ns);

/* Sets this CPU's timer for the earlier of its slice's end and the boards' next event. */
void sched_timer_update(void);

/*
 * Waits until all other started CPUs sleep, with nothing of a VM in their hands. There must be no
 * vCPU to run, and vm_count must be 0, so that they find none.
 */
void sched_quiesce(void);

#endif
