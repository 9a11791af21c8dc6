/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU: the processor's part (arch_vcpu), where it runs or waits, and the loop that runs it
 * until it has to make room.
 *
 * A vCPU that cannot go on leaves nothing behind but the exit at hand: a fault is simply taken
 * again, a call or a device access is noted as pending and done before the guest is entered again.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "hv/s2.h"
#include "mm/addr.h"
#include "mm/notice.h"
#include "mm/pfn_cache.h"
#include "mm/result.h"

struct vm;

enum vcpu_state {
	VCPU_OFF,     /* not started yet, or switched off by its guest */
	VCPU_READY,   /* on the run queue */
	VCPU_RUNNING, /* on a CPU */
	VCPU_HALTED,  /* waits for an interrupt */
	VCPU_WAITING, /* a fault or a call waits for a notice to end */
	VCPU_STOPPED, /* its VM was stopped by the monitor */
	VCPU_ENDED,
};

const char *vcpu_state_words(enum vcpu_state s);

/* What is to be done again before the guest is entered; `exit` still holds the request. */
enum vcpu_pending { PENDING_NONE, PENDING_IO, PENDING_CALL, PENDING_CLOCK, PENDING_FIRMWARE };

/* How far a hypercall that met a notice has come; what the fields mean is the call's own. */
struct vcpu_call {
	uint64_t done; /* 0: the others mean nothing */
	hva_t place;
	uint64_t bytes;
	enum result verdict;
	bool yield; /* when it is over, the CPU is let go */
};

struct vcpu {
	struct arch_vcpu *arch;
	struct vm *vm;
	unsigned index; /* in its VM */
	struct exit exit;
	struct s2_cache s2_cache;
	unsigned races;		 /* lookups lost in a row by the fault at hand (N8) */
	struct notice_turn turn; /* which that fault may have asked for */
	struct s2_fault fault;	 /* the last one served */
	bool fault_pending;	 /* exit.fault is to be served again before the guest is entered */
	bool halted;	 /* it has executed its halt instruction, and no interrupt came since */
	bool halted_off; /* ... with interrupts off: for ever */
	bool halt_timed; /* ... and the board knows when its own timer ends that */
	bool off; /* it has switched itself off: it leaves the guest, and may be started again */
	enum vcpu_pending pending;
	struct io_access io; /* PENDING_IO: served, not yet told to the guest */
	struct vcpu_call call;

	/* The guest's paravirtual clock of this vCPU (hv/clock.c). Only the vCPU itself touches it.
	 */
	struct {
		struct pfn_cache page;
		gpa_t at;
		bool on;
	} clock;

	/* Somebody starts, or has started it. Cleared under the scheduler's lock, when it is off.
	 */
	_Atomic bool claimed;
	/* Look before the guest is entered: the VM ended or stopped, something is pending. Set by
	 * anybody. */
	_Atomic bool attention;
	/* Which CPU has it inside the guest, + 1; 0: none. What a shootdown looks at
	 * (hv/shootdown.c). */
	_Atomic uint32_t in_guest;
	/* Raised at each return from the guest, before in_guest is cleared. */
	_Atomic uint64_t exits;

	/* Guarded by the scheduler's lock. */
	enum vcpu_state state;
	bool wake;	/* an event came while it was running: do not let it wait */
	bool announced; /* it is counted in vm->waiting */
	struct vcpu *next;
	unsigned last_cpu; /* the CPU that it runs on, or ran on last */

	pfn_t frame, arch_frame; /* where this structure and `arch` lie */
};

/* The vCPU of number `index`, OFF. OUT_OF_MEMORY. */
enum result vcpu_create(struct vm *vm, unsigned index, struct vcpu **out);
/* It has ended, or was never started. */
void vcpu_destroy(struct vcpu *v);

/*
 * Runs `v` on this CPU until it waits, ends, or its time is over; returns the state that it is to
 * go into, never RUNNING. Called by the scheduler, without locks.
 */
enum vcpu_state vcpu_run(struct vcpu *v);

/* ---- What the loop uses, and is used by (hv/exit.c) -------------------------------------------
 */

/*
 * Serves the exit at hand. VCPU_RUNNING: the guest goes on. Else the state to go into; `attention`
 * is then set if something is left to be done first.
 */
enum vcpu_state exit_serve(struct vcpu *v);

/* Does again what was left pending. As exit_serve. */
enum vcpu_state exit_settle(struct vcpu *v);

/* Notes that `what` is to be done again before the guest is entered; returns where `r` sends the
 * vCPU. */
enum vcpu_state exit_defer(struct vcpu *v, enum vcpu_pending what, enum result r);

#endif
