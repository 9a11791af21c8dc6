/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explaining voice: while it is on, faults, notices, pins, refusals and what owners do are said
 * in one line each, with the rules that they show. In a step of the tour the first few of each kind
 * are said and the rest counted; outside of one, a few each second. Off, each hook is one branch.
 */
#ifndef HV_EXPLAIN_H
#define HV_EXPLAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/follow.h"
#include "mm/frame.h"
#include "mm/result.h"

struct vm;
struct slot;

/* Set from the configuration (host.explain) and by the monitor. */
extern _Atomic bool explain_on;

static inline bool explain_is_on(void)
{
	/* relaxed: a line more or less as it is switched does not matter. */
	return __builtin_expect(atomic_load_explicit(&explain_on, memory_order_relaxed), false);
}

/*
 * The hypercalls `step` and `step_end`: what `vm` causes in between belongs to step `number` of the
 * tour, 1..10 (others are named by their number alone). `as_expected` is the guest's judgement.
 */
void explain_step(struct vm *vm, uint64_t number, uint64_t expected);
void explain_step_end(struct vm *vm, uint64_t number, bool as_expected);

/* The bodies of the hooks, called only while it is on; out of line, so that who calls them while it
 * is off has the registers. */
void explain_say_fault(struct vm *vm, gpa_t gpa, enum access access, const struct slot *slot,
		       const struct follow_answer *answer, unsigned order, enum result verdict);
__attribute__((noinline)) void explain_say_notice(struct vm *vm, struct hva_range range,
						  uint64_t leaves);
void explain_say_pin(struct vm *vm, gpa_t gpa, pfn_t p, enum result verdict);
void explain_say_owner(const char *owner, const char *did, hpa_t place, uint64_t bytes,
		       enum result verdict);

/* A fault is over: `slot` NULL without a memslot, `answer` NULL when refused; the leaf covers
 * 2^order pages. No locks held. */
static inline void explain_fault(struct vm *vm, gpa_t gpa, enum access access,
				 const struct slot *slot, const struct follow_answer *answer,
				 unsigned order, enum result verdict)
{
	if (explain_is_on())
		explain_say_fault(vm, gpa, access, slot, answer, order, verdict);
}

/* A notice over the range has removed `leaves` leaves of the VM. Said with the consumer's lock
 * held. */
static inline void explain_notice(struct vm *vm, struct hva_range range, uint64_t leaves)
{
	if (explain_is_on())
		explain_say_notice(vm, range, leaves);
}

/* A pin of the frame behind a page was given or refused. */
static inline void explain_pin(struct vm *vm, gpa_t gpa, pfn_t p, enum result verdict)
{
	if (explain_is_on())
		explain_say_pin(vm, gpa, p, verdict);
}

/* The owner of memory took it away, gave it, moved it: its place now (0: none). */
static inline void explain_owner(const char *owner, const char *did, hpa_t place, uint64_t bytes,
				 enum result verdict)
{
	if (explain_is_on())
		explain_say_owner(owner, did, place, bytes, verdict);
}

#endif
