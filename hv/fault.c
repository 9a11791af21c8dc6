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

/* All but want_writable. */
static inline struct follow_request request_for(const struct vcpu *v, const struct s2_fault *f,
						const struct slot *slot, const struct token *token)
{
	return (struct follow_request){
		.space = &v->vm->space,
		.hva = slot_hva(slot, gpa_to_gfn(f->gpa)),
		.access = f->access,
		.intent = INTENT_MAP,
		.slot_writable = !slot->readonly,
		.may_sleep = true,
		.in_turn = v->turn.mine,
		.token = token,
	};
}

/* S10: by the processor. Without that the first write must fault to be seen. */
static inline bool writes_are_noted(void)
{
	return arch_s2_geometry->hw_dirty;
}

/* Follow and install, whatever the host has or has not there. In a grace section. */
static __attribute__((noinline)) enum result fault_map(struct vcpu *v, const struct s2_fault *f,
						       const struct slot *slot, struct token token,
						       struct fault_served *out)
{
	gfn_t n = gpa_to_gfn(f->gpa);
	struct follow_request rq = request_for(v, f, slot, &token);

	rq.want_writable = writes_are_noted() && !slot->track_writes;
	enum result r = follow_pfn(&rq, &out->answer);
	if (r != OK)
		return refusal_stands(v->vm, &token, rq.hva) ? r : RACED;
	mm_step("fault_followed", v);
	struct s2_map map = { n, &slot->gfns, rq.hva, f->access, token, out->answer, f->unmarked };
	return s2_install(&v->vm->s2, &v->s2_cache, &map, &out->installed);
}

/* One try, under a token taken before. RACED: a notice came in between. */
static enum result fault_try(struct vcpu *v, const struct s2_fault *f, struct token token,
			     struct fault_served *out)
{
	enum result r = s2_cache_fill(&v->s2_cache);

	if (r != OK)
		return r;
	grace_enter(); /* the slot stays valid */
	const struct slot *slot = slot_find(v->vm, gpa_to_gfn(f->gpa));
	r = slot == NULL ? NO_MEMSLOT : fault_map(v, f, slot, token, out);
	grace_leave();
	return r;
}

/* Before everything that is looked up under it, the memslot included (P5, N6, M1). */
static inline struct token fault_token(struct vcpu *v)
{
	struct token token = token_take(&v->vm->s2.consumer);

	mm_step("fault_token", v);
	return token;
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

/* The tour's words for it, with the memslot as it is now. `answer` NULL: it was refused. */
static __attribute__((noinline)) void fault_explain(struct vm *vm, const struct s2_fault *f,
						    const struct follow_answer *answer,
						    unsigned order, enum result r)
{
	struct slot slot;

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
	if (explain_is_on())
		fault_explain(v->vm, f, NULL, 0, r);
}

/* Remembered and traced. The leaf covers 2^order pages. */
static inline void fault_note(struct vm *vm, gfn_t n, pfn_t p, enum frame_class class,
			      unsigned order, enum trace_event event)
{
	fault_remember(vm, n, OK);
	trace(event, vm->id, n, p, class, order, OK);
}

/* Served: remembered, traced, said. As above. */
static inline void fault_served(struct vm *vm, const struct s2_fault *f,
				const struct follow_answer *a, enum trace_event event,
				unsigned order)
{
	fault_note(vm, gpa_to_gfn(f->gpa), a->pfn, a->class, order, event);
	if (explain_is_on()) {
		struct follow_answer answer = *a;
		fault_explain(vm, f, &answer, order, OK);
	}
}

static inline enum trace_event event_of(struct vm *vm, enum s2_outcome outcome)
{
	if (outcome == S2_NEW)
		return TRACE_FAULT;
	count(outcome == S2_WIDENED ? &vm->stats.widened : &vm->stats.spurious);
	return outcome == S2_WIDENED ? TRACE_WIDEN : TRACE_SPURIOUS;
}

/* May it look again, having lost races? false: it must wait for its turn. */
static bool fault_again(struct vcpu *v, const struct s2_fault *f)
{
	v->fault_pending = !fault_turn(v, f);
	if (v->fault_pending)
		count(&v->vm->stats.waits);
	return !v->fault_pending;
}

/* It has lost another one. As fault_again. */
static bool fault_lost(struct vcpu *v, const struct s2_fault *f)
{
	MM_ASSERT(v->races < NOTICE_MAX_ROUNDS); /* N8 */
	v->races++;
	count(&v->vm->stats.raced);
	return fault_again(v, f);
}

/* Try after try, the first under `token`, until it is decided or must wait. */
static __attribute__((noinline)) enum result fault_serve_whole(struct vcpu *v,
							       const struct s2_fault *f,
							       struct token token)
{
	struct fault_served served;

	for (;; token = fault_token(v)) {
		enum result r = fault_try(v, f, token, &served);
		if (r != RACED && r != BUSY && r != WOULD_SLEEP) {
			if (v->races != 0) {
				rounds_note(v->vm, v->races + 1u);
				fault_abandon(v);
			}
			if (r == OK)
				fault_served(v->vm, f, &served.answer,
					     event_of(v->vm, served.installed.outcome),
					     arch_s2_geometry->shift[served.installed.level]);
			else
				fault_refused(v, f, r);
			return r;
		}
		if (!fault_lost(v, f))
			return BUSY;
	}
}

/* What follows a try that did not serve it at once. */
static __attribute__((noinline)) enum result fault_go_on(struct vcpu *v, const struct s2_fault *f,
							 struct token token, enum result r)
{
	if (r == NO_MEMSLOT) { /* a device, most often */
		fault_refused(v, f, r);
		return r;
	}
	if (r != RACED)
		return fault_serve_whole(v, f, token);
	return fault_lost(v, f) ? fault_serve_whole(v, f, fault_token(v)) : BUSY;
}

/* s2_install, where the short way will not do. Leaves the grace section of fault_try_page. */
static __attribute__((noinline)) enum result fault_install_whole(struct vcpu *v,
								 const struct s2_map *map)
{
	struct s2_installed installed;

	enum result r = s2_install(&v->vm->s2, &v->s2_cache, map, &installed);
	grace_leave();
	if (r == OK)
		fault_note(v->vm, map->gfn, map->answer.pfn, map->answer.class,
			   arch_s2_geometry->shift[installed.level],
			   event_of(v->vm, installed.outcome));
	return r;
}

/* What an install of one page has come to, where it is not the usual. */
static __attribute__((noinline)) enum result fault_changed(struct vm *vm, gfn_t n, pfn_t p,
							   enum frame_class class,
							   enum s2_outcome outcome)
{
	if (outcome == S2_RACED || outcome == S2_OTHER)
		return outcome == S2_RACED ? RACED : UNSUPPORTED;
	fault_note(vm, n, p, class, 0, event_of(vm, outcome));
	return OK;
}

/*
 * Installs what was found, by a leaf of `level` where that will do. Leaves the grace section of
 * fault_try_page.
 */
static inline __attribute__((always_inline)) enum result fault_install(
	struct vcpu *v, const struct s2_fault *f, const struct slot *slot,
	const struct follow_request *rq, struct host_found found, unsigned level)
{
	struct s2_map map = { gpa_to_gfn(f->gpa), &slot->gfns,	  rq->hva,    f->access,
			      *rq->token,	  { .order = 0 }, f->unmarked };

	follow_fill(rq, found.leaf, found.level, HOLD_NONE, &map.answer);
	mm_step("fault_followed", v);
	enum s2_outcome outcome = s2_install_near(&v->vm->s2, &v->s2_cache, &map, level, false);
	if (__builtin_expect(outcome == S2_OTHER, false)) {
		struct s2_map whole = map; /* what has an address would not stay in registers */
		return fault_install_whole(v, &whole);
	}
	grace_leave();
	if (outcome == S2_RACED)
		return RACED;
	fault_note(v->vm, map.gfn, map.answer.pfn, map.answer.class, arch_s2_geometry->shift[level],
		   TRACE_FAULT);
	return OK;
}

/*
 * What fault_try_page goes on with when the host has none that allows the access: it is brought in.
 * UNSUPPORTED: refused, and fault_serve_whole says why; RACED. The request has passed follow_check.
 * Leaves the grace section of fault_try_page.
 */
static __attribute__((noinline)) enum result fault_try_absent(struct vcpu *v,
							      const struct s2_fault *f,
							      const struct slot *slot,
							      struct token token)
{
	struct follow_request rq = request_for(v, f, slot, &token);
	struct host_found found;

	rq.want_writable = writes_are_noted();
	if (__builtin_expect(follow_rest(&rq, &found) != OK, false)) {
		grace_leave();
		return UNSUPPORTED;
	}
	return fault_install(v, f, slot, &rq, found, 0);
}

/* ... and when what it has found is an entry of 2 MiB. */
static __attribute__((noinline)) enum result fault_try_large(struct vcpu *v,
							     const struct s2_fault *f,
							     const struct slot *slot,
							     struct token token, uint64_t leaf)
{
	struct follow_request rq = request_for(v, f, slot, &token);

	rq.want_writable = writes_are_noted();
	return fault_install(v, f, slot, &rq, (struct host_found){ leaf, 1 }, 1);
}

/*
 * The most frequent fault by far is of a page that the host has, by an entry of 4 KiB, and the
 * guest has not. For it this is fault_try with what is known folded in; `present` is the fault's.
 * UNSUPPORTED: it is another one, and nothing has changed.
 */
static inline __attribute__((always_inline)) enum result fault_try_page(struct vcpu *v,
									const struct s2_fault *f,
									struct token token,
									bool present)
{
	struct follow_answer answer;
	struct host_found found;

	grace_enter(); /* the slot stays valid */
	const struct slot *slot = slot_find(v->vm, gpa_to_gfn(f->gpa));
	struct follow_request rq;
	if (__builtin_expect(slot != NULL, true))
		rq = request_for(v, f, slot, &token);
	/* A read where writes are tracked goes the whole way: here all that may be is writable. */
	if (__builtin_expect(slot == NULL || follow_check(&rq) != OK ||
				     (f->access != ACCESS_WRITE && slot->track_writes),
			     false)) {
		grace_leave();
		return slot == NULL ? NO_MEMSLOT : UNSUPPORTED;
	}
	bool there = follow_now(&rq, &found);
	if (__builtin_expect(found.level != 0 || !there, false)) {
		if (!there)
			return fault_try_absent(v, f, slot, token);
		if (found.level == 1)
			return fault_try_large(v, f, slot, token, found.leaf);
		grace_leave();
		return UNSUPPORTED; /* a GiB: the whole way, once for so much */
	}
	rq.want_writable = writes_are_noted();
	follow_fill(&rq, found.leaf, 0, HOLD_NONE, &answer);
	mm_step("fault_followed", v);
	struct s2_map map = { gpa_to_gfn(f->gpa), &slot->gfns, rq.hva, f->access, token, answer,
			      f->unmarked };
	enum s2_outcome outcome = s2_install_near(&v->vm->s2, &v->s2_cache, &map, 0, present);
	grace_leave();
	const enum s2_outcome usual = present ? S2_WIDENED : S2_NEW;
	if (__builtin_expect(outcome != usual, false))
		return fault_changed(v->vm, map.gfn, answer.pfn, answer.class, outcome);
	fault_note(v->vm, map.gfn, answer.pfn, answer.class, 0, event_of(v->vm, usual));
	return OK;
}

/* It is more than that: the host is asked. Out of line, with what differs folded in. */
static __attribute__((noinline)) enum result fault_try_present(struct vcpu *v,
							       const struct s2_fault *f,
							       struct token token)
{
	return fault_try_page(v, f, token, true);
}

/*
 * A leaf is there that did not permit it. A write to one that is read-only only so that this is
 * seen, as in a memslot whose writes are tracked, needs nothing but the leaf.
 */
static inline __attribute__((always_inline)) enum result fault_try_widen(struct vcpu *v,
									 const struct s2_fault *f,
									 struct token token)
{
	struct s2_widened leaf = { .done = false };
	gfn_t n = gpa_to_gfn(f->gpa);

	if (f->access == ACCESS_WRITE)
		leaf = s2_widen(&v->vm->s2, n, &token);
	if (!leaf.done)
		return fault_try_present(v, f, token);
	fault_note(v->vm, n, leaf.pfn, leaf.class, arch_s2_geometry->shift[leaf.level],
		   event_of(v->vm, S2_WIDENED));
	return OK;
}

/* Part of the loop around the guest where the linker can see both: no registers to be saved. */
__attribute__((always_inline)) enum result fault_serve(struct vcpu *v, const struct s2_fault *f)
{
	if (__builtin_expect(v->races != 0, false)) /* the vCPU comes back from waiting */
		return fault_again(v, f) ? fault_serve_whole(v, f, fault_token(v)) : BUSY;
	count(&v->vm->stats.faults);
	if (__builtin_expect(s2_cache_fill(&v->s2_cache) != OK || explain_is_on(), false))
		return fault_serve_whole(v, f, fault_token(v)); /* which says why, and what */
	struct token token = fault_token(v);
	enum result r = __builtin_expect(f->present, false) ? fault_try_widen(v, f, token)
							    : fault_try_page(v, f, token, false);
	return __builtin_expect(r == OK, true) ? OK : fault_go_on(v, f, token, r);
}
