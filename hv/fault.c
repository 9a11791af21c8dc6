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

/* What became of a try that was not refused. */
struct fault_served {
	struct follow_answer answer;
	struct s2_installed installed;
};

/*
 * A refusal is a lookup's answer like any other: what was refused inside a notice, as a BAR is that
 * is just being moved, may be granted after it (P5).
 */
static bool refusal_stands(struct vm *vm, const struct token *token, hva_t at)
{
	spin_lock(&vm->s2.consumer.lock);
	bool stands =
		token_check(&vm->s2.consumer, token, hva_range(hva(at.v & ~PAGE_MASK), PAGE_SIZE));
	spin_unlock(&vm->s2.consumer.lock);
	return stands;
}

/* Follow and install, for the slot that was found under the token. In a grace section. */
static enum result fault_map(struct vcpu *v, const struct s2_fault *f, gfn_t n,
			     const struct slot *slot, const struct token *token,
			     struct fault_served *out)
{
	struct vm *vm = v->vm;
	struct follow_request rq = {
		.space = &vm->space,
		.hva = slot_hva(slot, n),
		.access = f->access,
		.intent = INTENT_MAP,
		.slot_writable = !slot->readonly,
		/* S10: without a hardware dirty bit the first write must fault to be seen. */
		.want_writable = arch_s2_geometry->hw_dirty,
		.may_sleep = true,
		.in_turn = v->turn.mine,
		.token = token,
	};
	enum result r = follow_pfn(&rq, &out->answer);
	if (r != OK)
		return refusal_stands(vm, token, rq.hva) ? r : RACED;
	mm_step("fault_followed", v);
	struct s2_map map = { n, slot->gfns, rq.hva, f->access, token, &out->answer };
	return s2_install(&vm->s2, &v->s2_cache, &map, &out->installed);
}

/* One try. RACED: a notice came in between. */
static enum result fault_try(struct vcpu *v, const struct s2_fault *f, struct fault_served *out)
{
	gfn_t n = gpa_to_gfn(f->gpa);
	enum result r = s2_cache_fill(&v->s2_cache);

	if (r != OK)
		return r;
	/* Before everything that is looked up under it, the memslot included (P5, N6, M1). */
	struct token token = token_take(&v->vm->s2.consumer);
	mm_step("fault_token", v);
	grace_enter(); /* the slot stays valid */
	const struct slot *slot = slot_find(v->vm, n);
	r = slot == NULL ? NO_MEMSLOT : fault_map(v, f, n, slot, &token, out);
	grace_leave();
	return r;
}

/* N8: after NOTICE_PATIENCE lost lookups the fault waits for its turn. false: it must wait now. */
static bool fault_turn(struct vcpu *v, const struct s2_fault *f)
{
	if (v->races < NOTICE_PATIENCE)
		return true;
	if (!v->turn.asked)
		trace(TRACE_WAIT, v->vm->id, gpa_to_gfn(f->gpa), pfn(v->races), FRAME_FREE, 0,
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

/* For the monitor. relaxed: two faults at once may leave the gfn of one with the verdict of the
 * other. */
static void fault_remember(struct vm *vm, gfn_t n, enum result r)
{
	atomic_store_explicit(&vm->last_fault.gfn, n.v, memory_order_relaxed);
	atomic_store_explicit(&vm->last_fault.verdict, r, memory_order_relaxed);
}

/* The tour's words for it, with the memslot as it is now. */
static void fault_explain(struct vm *vm, const struct s2_fault *f,
			  const struct follow_answer *answer, unsigned order, enum result r)
{
	struct slot slot;

	if (!explain_is_on())
		return;
	grace_enter();
	const struct slot *found = slot_find(vm, gpa_to_gfn(f->gpa));
	if (found != NULL)
		slot = *found;
	grace_leave();
	explain_fault(vm, f->gpa, f->access, found != NULL ? &slot : NULL, answer, order, r);
}

/* A fault is refused for good: remembered, traced, said. */
static void fault_refused(struct vcpu *v, const struct s2_fault *f, enum result r)
{
	gfn_t n = gpa_to_gfn(f->gpa);

	fault_remember(v->vm, n, r);
	trace(TRACE_FAULT, v->vm->id, n, pfn(0), FRAME_FREE, 0, r);
	fault_explain(v->vm, f, NULL, 0, r);
}

static void fault_served(struct vcpu *v, const struct s2_fault *f, const struct fault_served *s)
{
	static const enum trace_event events[] = {
		[S2_NEW] = TRACE_FAULT,
		[S2_WIDENED] = TRACE_WIDEN,
		[S2_SPURIOUS] = TRACE_SPURIOUS,
	};
	struct vm *vm = v->vm;
	gfn_t n = gpa_to_gfn(f->gpa);
	unsigned order = arch_s2_geometry->shift[s->installed.level];

	if (__builtin_expect(s->installed.outcome != S2_NEW, false))
		count(s->installed.outcome == S2_WIDENED ? &vm->stats.widened
							 : &vm->stats.spurious);
	fault_remember(vm, n, OK);
	trace(events[s->installed.outcome], vm->id, n, s->answer.pfn, s->answer.class, order, OK);
	fault_explain(vm, f, &s->answer, order, OK);
}

/* It has lost races: waits for its turn if it must. false: wait. */
static bool fault_again(struct vcpu *v, const struct s2_fault *f)
{
	v->fault_pending = !fault_turn(v, f);
	if (v->fault_pending)
		count(&v->vm->stats.waits);
	return !v->fault_pending;
}

enum result fault_serve(struct vcpu *v, const struct s2_fault *f)
{
	struct fault_served served;

	if (v->races == 0)
		count(&v->vm->stats.faults);
	for (;;) {
		if (__builtin_expect(v->races != 0, false) && !fault_again(v, f))
			return BUSY;
		enum result r = fault_try(v, f, &served);
		if (r != RACED && r != BUSY && r != WOULD_SLEEP) {
			if (__builtin_expect(v->races != 0, false)) {
				rounds_note(v->vm, v->races + 1u);
				fault_abandon(v);
			}
			if (__builtin_expect(r == OK, true))
				fault_served(v, f, &served);
			else
				fault_refused(v, f, r);
			return r;
		}
		MM_ASSERT(v->races < NOTICE_MAX_ROUNDS); /* N8 */
		v->races++;
		count(&v->vm->stats.raced);
	}
}
