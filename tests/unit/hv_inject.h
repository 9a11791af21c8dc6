/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trouble for test_hv_random.c: allocations that fail though there is memory, notices that stay
 * open while another vCPU runs, faults that come again although they are served. Each is a switch;
 * all off, nothing here does anything. Included once, after hv_model.h.
 */
#ifndef TESTS_UNIT_HV_INJECT_H
#define TESTS_UNIT_HV_INJECT_H

#include "tests/unit/hv_model.h"

static struct {
	/* One time in so many; 0: never. */
	unsigned no_memory, slow_notice, repeated_fault;
	bool armed;			  /* between begin and end of a run */
	bool failed;			  /* an allocation has, since it was last asked */
	bool inside;			  /* a notice that is slow */
	uint64_t failures, slow, repeats; /* of all runs: a switch that did nothing tests nothing */
	const struct vcpu *faulting;	  /* the vCPU in whose fault we are */
	void (*meanwhile)(void);	  /* what another vCPU does in a slow notice */
} trouble;

static bool trouble_alloc(unsigned order)
{
	(void)order;
	if (!trouble.armed || trouble.no_memory == 0 || !random_one_in(trouble.no_memory))
		return true;
	trouble.failed = true;
	trouble.failures++;
	return false;
}

/* Was it refused for want of memory that we made? It must have changed nothing then. */
static bool trouble_failed(enum result r)
{
	bool failed = r == OUT_OF_MEMORY && trouble.failed;
	trouble.failed = false;
	return failed;
}

/*
 * Whoever changes the host has begun its notice, and is about to take the space's lock: another
 * vCPU, on a CPU of its own, comes first.
 */
static void trouble_step(const char *name, const void *object)
{
	uint32_t state = fix.vm.space.notifier.state;

	fix_step(name, object);
	if (trouble.slow_notice == 0 || trouble.inside || object != &fix.vm.space.lock ||
	    strcmp(name, "lock") != 0 || NOTIFIER_COUNT(state, NOTIFIER_ACTIVE) <= open_count() ||
	    !random_one_in(trouble.slow_notice))
		return;
	unsigned here = mm_cpu();
	trouble.inside = true;
	trouble.slow++;
	env_cpu((here + 2) % FIX_CPUS);
	trouble.meanwhile();
	env_cpu(here);
	trouble.inside = false;
}

static void trouble_begin(void)
{
	env_alloc = trouble_alloc;
	env_step = trouble_step;
	trouble.armed = true;
	trouble.failed = trouble.inside = false;
	trouble.faulting = NULL;
}

static void trouble_end(void)
{
	trouble.armed = false;
	env_alloc = NULL;
	env_step = fix_step;
}

/* The fault that was just served comes again: nothing is written for it, and it is counted (S9). */
static void trouble_repeat(struct vcpu *v, uint64_t n, enum access access)
{
	if (trouble.repeated_fault == 0 || !random_one_in(trouble.repeated_fault))
		return;
	uint64_t spurious = fix.vm.stats.spurious, entries = fix.entries;
	enum result r = fix_fault(v, n, access);
	if (trouble_failed(r))
		return;
	if (r == BUSY) { /* a notice is open beside it, over a part of the leaf */
		random_check(open_count() != 0);
		fault_abandon(v);
		return;
	}
	random_check(r == OK);
	random_check(fix.vm.stats.spurious == spurious + 1 && fix.entries == entries);
	trouble.repeats++;
}

#endif
