/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tour's voice: while a step of the tour runs, faults, notices and what owners do are said in
 * one line each, with the rule that they show. Off, each hook is one branch.
 */
#ifndef HV_EXPLAIN_H
#define HV_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/follow.h"
#include "mm/result.h"

struct vm;
struct slot;

extern bool explain_on;

/* The bodies, called only while explain_on. */
void explain_say_fault(struct vm *vm, gpa_t gpa, enum access access, const struct slot *slot,
		       const struct follow_answer *answer, unsigned order, enum result verdict);
void explain_say_notice(struct vm *vm, struct hva_range range, uint64_t leaves);

/* A fault is over: `slot` NULL without a memslot, `answer` NULL when refused; the leaf covers
 * 2^order pages. */
static inline void explain_fault(struct vm *vm, gpa_t gpa, enum access access,
				 const struct slot *slot, const struct follow_answer *answer,
				 unsigned order, enum result verdict)
{
	if (__builtin_expect(explain_on, false))
		explain_say_fault(vm, gpa, access, slot, answer, order, verdict);
}

/* A notice over the range has removed `leaves` leaves of the VM. Said with the consumer's lock
 * held. */
static inline void explain_notice(struct vm *vm, struct hva_range range, uint64_t leaves)
{
	if (__builtin_expect(explain_on, false))
		explain_say_notice(vm, range, leaves);
}

#endif
