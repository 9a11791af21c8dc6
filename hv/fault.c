/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a stage-2 fault (S2): cache of table pages -> token -> memslot -> follow -> install.
 * Nothing is held between two tries, so a lost race costs a lookup and leaves nothing behind.
 */
#include "hv/fault.h"

#include "hv/explain.h"
#include "hv/s2.h"
#include "hv/slot.h"
#include "hv/trace.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mm/follow.h"
#include "mm/grace.h"

/* What is known of the fault when it is over, for the trace and for whoever explains it. */
struct fault_account {
	struct slot slot;
	bool has_slot;
	struct follow_answer answer;
	struct s2_installed installed;
};

/* One try. RACED: a notice came in between. */
static enum result fault_try(struct vcpu *v, const struct s2_fault *f, struct fault_account *a)
{
	struct vm *vm = v->vm;
	gfn_t n = gpa_to_gfn(f->gpa);

	/* Before everything that is looked up under it, the memslot included (P5, N6, M1). */
	struct token token = token_take(&vm->s2.consumer);
	mm_step("fault_token", v);
	grace_enter();
	const struct slot *slot = slot_find(vm, n);
	a->has_slot = slot != NULL;
	if (slot != NULL)
		a->slot = *slot;
	grace_leave();
	if (!a->has_slot)
		return NO_MEMSLOT;
	struct follow_request rq = {
		.space = &vm->space,
		.hva = slot_hva(&a->slot, n),
		.access = f->access,
		.intent = INTENT_MAP,
		.slot_writable = !a->slot.readonly,
		/* S10: without a hardware dirty bit the first write must fault to be seen. */
		.want_writable = arch_s2_geometry->hw_dirty,
		.may_sleep = true,
		.in_turn = v->turn.mine,
		.token = &token,
	};
	enum result r = follow_pfn(&rq, &a->answer);
	if (r != OK)
		return r;
	mm_step("fault_followed", v);
	struct s2_map map = { n, a->slot.gfns, rq.hva, f->access, &token, &a->answer };
	return s2_install(&vm->s2, &v->s2_cache, &map, &a->installed);
}

/* N8: after NOTICE_PATIENCE lost lookups the fault waits for its turn. false: it must wait now. */
static bool fault_turn(struct vcpu *v)
{
	if (v->races < NOTICE_PATIENCE)
		return true;
	if (!v->turn.asked)
		trace(TRACE_WAIT, v->vm->id, gpa_to_gfn(v->fault.gpa), pfn(v->races), FRAME_FREE, 0,
		      RACED);
	return notice_turn_take(&v->vm->space.notifier, &v->turn);
}

void fault_abandon(struct vcpu *v)
{
	notice_turn_done(&v->vm->space.notifier, &v->turn);
	v->fault_pending = false;
	v->races = 0;
}

static void count(_Atomic uint64_t *counter)
{
	/* relaxed: a statistic; nothing is ordered by it. */
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void rounds_note(struct vm *vm, uint64_t rounds)
{
	uint64_t most = atomic_load_explicit(&vm->stats.max_rounds, memory_order_relaxed);
	while (rounds > most &&
	       !atomic_compare_exchange_weak_explicit(&vm->stats.max_rounds, &most, rounds,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static enum trace_event outcome_event(enum result r, enum s2_outcome outcome)
{
	if (r != OK || outcome == S2_NEW)
		return TRACE_FAULT;
	return outcome == S2_WIDENED ? TRACE_WIDEN : TRACE_SPURIOUS;
}

/* The fault is over, one way or the other: counts it, and gives the turn back. */
static void fault_account(struct vcpu *v, const struct s2_fault *f, enum result r,
			  const struct fault_account *a)
{
	struct vm *vm = v->vm;
	gfn_t n = gpa_to_gfn(f->gpa);
	unsigned order = r == OK ? arch_s2_geometry->shift[a->installed.level] : 0;
	bool served = r == OK;

	if (v->races != 0)
		rounds_note(vm, v->races + 1u);
	fault_abandon(v);
	if (served && a->installed.outcome == S2_WIDENED)
		count(&vm->stats.widened);
	if (served && a->installed.outcome == S2_SPURIOUS)
		count(&vm->stats.spurious);
	/* relaxed: for a human; another vCPU's fault may come between the two. */
	atomic_store_explicit(&vm->last_fault.gfn, n.v, memory_order_relaxed);
	atomic_store_explicit(&vm->last_fault.verdict, r, memory_order_relaxed);
	trace(outcome_event(r, a->installed.outcome), vm->id, n, served ? a->answer.pfn : pfn(0),
	      served ? a->answer.class : FRAME_FREE, order, r);
	explain_fault(vm, f->gpa, f->access, a->has_slot ? &a->slot : NULL,
		      served ? &a->answer : NULL, order, r);
}

enum result fault_serve(struct vcpu *v, const struct s2_fault *fault)
{
	struct fault_account a = { .has_slot = false };
	struct s2_fault f = *fault;

	if (!v->fault_pending)
		count(&v->vm->stats.faults);
	v->fault = f;
	for (;;) {
		if (!fault_turn(v)) {
			v->fault_pending = true;
			count(&v->vm->stats.waits);
			return BUSY;
		}
		enum result r = s2_cache_fill(&v->s2_cache);
		if (r == OK)
			r = fault_try(v, &f, &a);
		if (r != RACED && r != BUSY && r != WOULD_SLEEP) {
			fault_account(v, &f, r, &a);
			return r;
		}
		MM_ASSERT(v->races < NOTICE_MAX_ROUNDS); /* N8 */
		v->races++;
		count(&v->vm->stats.raced);
	}
}
