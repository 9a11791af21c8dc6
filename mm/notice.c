/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invalidation notifier. The order of steps in notice_begin and notice_end is the protocol
 * (N4): each line here that comes before another does so for a reason that mm/LOCKING.md tells.
 */
#include "mm/notice.h"

#include <stddef.h>

#define ONE(field) NOTIFIER_ONE(field)

_Static_assert(2 * MM_MAX_CPUS <= NOTIFIER_COUNT(NOTIFIER_ACTIVE, NOTIFIER_ACTIVE),
	       "each CPU may have a notice, and one inside it");
_Static_assert(MM_MAX_CPUS <= NOTIFIER_COUNT(NOTIFIER_WALKERS, NOTIFIER_WALKERS),
	       "each CPU may tell");

/* ---- The notifier's state -------------------------------------------------------------------- */

/* A first look. relaxed: a guess, which the compare-and-swap after it checks. */
static inline uint32_t state_look(struct notifier *nf)
{
	mm_step("notifier", nf);
	return atomic_load_explicit(&nf->state, memory_order_relaxed);
}

/*
 * acquire: the list of consumers as its last change left it, and all that ended notices changed.
 * release: who finds no notice active sees all that its owner has changed; and who ends what this
 * one was refused for sees that it is about to wait (hv/sched.c:wait_announce).
 */
static inline bool state_change(struct notifier *nf, uint32_t *seen, uint32_t next)
{
	return atomic_compare_exchange_weak_explicit(&nf->state, seen, next, memory_order_acq_rel,
						     memory_order_relaxed);
}

/* One notice more. acquire, as above; it has nothing to show yet. */
static inline bool state_enter(struct notifier *nf, uint32_t seen)
{
	return atomic_compare_exchange_weak_explicit(&nf->state, &seen, seen + ONE(NOTIFIER_ACTIVE),
						     memory_order_acquire, memory_order_relaxed);
}

/* One less, that has nobody to tell. release, as above; it looks at nothing more. */
static inline bool state_leave(struct notifier *nf, uint32_t seen)
{
	return atomic_compare_exchange_weak_explicit(&nf->state, &seen, seen - ONE(NOTIFIER_ACTIVE),
						     memory_order_release, memory_order_relaxed);
}

/* Tells everybody that who was refused may try again. The caller is one of the walkers. */
static void tell(struct notifier *nf)
{
	for (struct consumer *c = nf->consumers; c != NULL; c = c->next) {
		if (c->ops->released != NULL)
			c->ops->released(c);
	}
	consumers_let_go(nf);
}

/* Takes from the state what has ended, and tells if anybody has been refused for it. */
static __attribute__((noinline)) void state_end(struct notifier *nf, uint32_t counted,
						uint32_t bits)
{
	uint32_t seen = state_look(nf), next;

	do {
		next = (seen - counted) & ~bits;
		if (seen & NOTIFIER_TELL)
			next = (next & ~NOTIFIER_TELL) + ONE(NOTIFIER_WALKERS);
	} while (!state_change(nf, &seen, next));
	if (seen & NOTIFIER_TELL)
		tell(nf);
}

void consumers_hold(struct notifier *nf)
{
	uint32_t seen = state_look(nf);

	for (;;) {
		if (seen & NOTIFIER_LIST) {
			mm_relax();
			seen = state_look(nf);
		} else if (state_change(nf, &seen, seen + ONE(NOTIFIER_WALKERS))) {
			return;
		}
	}
}

void consumers_let_go(struct notifier *nf)
{
	/* release: the walk is over before the list may change. */
	atomic_fetch_sub_explicit(&nf->state, ONE(NOTIFIER_WALKERS), memory_order_release);
}

/* ---- Who hears of notices -------------------------------------------------------------------- */

/*
 * Until list_close nobody goes through the list, or begins to. BUSY: a notice is active, whose end
 * will tell. RACED: the notices are over, and have perhaps told everybody: who waited to be told
 * would wait for ever.
 */
static enum result list_open(struct notifier *nf)
{
	uint32_t seen = state_look(nf);

	for (;;) {
		if (seen & NOTIFIER_LIST) {
			mm_relax();
			seen = state_look(nf);
		} else if (seen & NOTIFIER_ACTIVE) {
			if (state_change(nf, &seen, seen | NOTIFIER_TELL))
				return BUSY;
		} else if (seen & NOTIFIER_WALKERS) {
			return RACED;
		} else if (state_change(nf, &seen, seen | NOTIFIER_LIST)) {
			return OK;
		}
	}
}

static void list_close(struct notifier *nf)
{
	mm_step("consumers_changed", nf);
	/* release: who is admitted after this goes through the list as it is now. */
	atomic_fetch_and_explicit(&nf->state, ~NOTIFIER_LIST, memory_order_release);
}

enum result consumer_register(struct consumer *c, struct notifier *nf,
			      const struct consumer_ops *ops, enum consumer_kind kind)
{
	enum result r = list_open(nf);
	if (r != OK)
		return r;
	c->open = 0;
	c->hull = c->last = (struct hva_range){ hva(0), hva(0) };
	c->ops = ops;
	c->kind = kind;
	c->notifier = nf;
	c->next = nf->consumers;
	nf->consumers = c;
	nf->caches += kind == CONSUMER_CACHE;
	list_close(nf);
	return OK;
}

enum result consumer_unregister(struct consumer *c)
{
	struct notifier *nf = c->notifier;
	struct consumer **at = &nf->consumers;

	enum result r = list_open(nf);
	if (r != OK)
		return r;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->notifier = NULL;
	nf->caches -= c->kind == CONSUMER_CACHE;
	list_close(nf);
	return OK;
}

/* ---- A notice -------------------------------------------------------------------------------- */

/* What keeps a notice of the mode out, for longer than a moment. */
static uint32_t closed_to(enum notice_mode mode)
{
	if (mode == NOTICE_NESTED)
		return 0;
	return NOTIFIER_TURNS | NOTIFIER_SLOTS | (mode == NOTICE_SLOTS ? NOTIFIER_ACTIVE : 0);
}

static __attribute__((noinline)) bool admit_or_wait(const struct notice *n)
{
	struct notifier *nf = n->notifier;
	const enum notice_mode mode = n->mode;
	const uint32_t more = ONE(NOTIFIER_ACTIVE) + (mode == NOTICE_SLOTS ? NOTIFIER_SLOTS : 0);
	uint32_t seen = state_look(nf);

	for (;;) {
		if (!(seen & (closed_to(mode) | NOTIFIER_LIST))) {
			if (state_change(nf, &seen, seen + more))
				return true;
		} else if (seen & NOTIFIER_LIST || mode == NOTICE_WAIT) {
			mm_relax();
			seen = state_look(nf);
		} else if (state_change(nf, &seen, seen | NOTIFIER_TELL)) {
			return false;
		}
	}
}

/*
 * N4 (1): counts the notice as active, unless somebody's turn or a change of memslots keeps it out.
 * A reader under a consumer's lock that was taken after ours sees it (N5).
 */
static inline bool notice_admit(const struct notice *n)
{
	struct notifier *nf = n->notifier;
	const uint32_t closed = NOTIFIER_TURNS | NOTIFIER_SLOTS | NOTIFIER_LIST;
	uint32_t seen = state_look(nf);

	MM_ASSERT((seen & NOTIFIER_ACTIVE) != NOTIFIER_ACTIVE);
	if (__builtin_expect(n->mode != NOTICE_SLOTS && !(seen & closed), 1) &&
	    __builtin_expect(state_enter(nf, seen), 1))
		return true;
	return admit_or_wait(n);
}

static inline void notice_dismiss(struct notifier *nf, enum notice_mode mode)
{
	uint32_t seen = state_look(nf);

	if (__builtin_expect(!(seen & (NOTIFIER_TELL | NOTIFIER_SLOTS)), 1) &&
	    __builtin_expect(state_leave(nf, seen), 1))
		return;
	state_end(nf, ONE(NOTIFIER_ACTIVE), mode == NOTICE_SLOTS ? NOTIFIER_SLOTS : 0);
}

static struct hva_range hull_of(struct hva_range a, struct hva_range b)
{
	return (struct hva_range){ a.start.v < b.start.v ? a.start : b.start,
				   a.end.v > b.end.v ? a.end : b.end };
}

/* N3: a notice begins inside other open ones, and is counted. What those cover stays covered; if
 * the consumer refuses, the hull is again what it was. */
static __attribute__((noinline)) enum result consumer_begin_nested(struct consumer *c,
								   const struct notice *n)
	REQUIRES(c->lock)
{
	struct hva_range before = c->hull;
	enum result r = OK;

	c->hull = hull_of(before, n->range);
	mm_step("notice_open_raised", c);
	if (c->kind == CONSUMER_TABLE)
		r = c->ops->invalidate(c, n->range, n->mode);
	if (r != OK)
		c->hull = before;
	return r;
}

/* N4 (3) for one consumer: what it refuses (NOTICE_TRY) it has not begun. */
static inline enum result consumer_begin(struct consumer *c, const struct notice *n)
{
	enum result r = OK;

	spin_lock(&c->lock);
	uint32_t others = c->open;
	c->open = others + 1;
	if (__builtin_expect(others == 0, 1)) {
		c->hull = n->range;
		mm_step("notice_open_raised", c);
		if (c->kind == CONSUMER_TABLE)
			r = c->ops->invalidate(c, n->range, n->mode);
	} else {
		r = consumer_begin_nested(c, n);
	}
	if (__builtin_expect(r != OK, 0))
		c->open--;
	spin_unlock(&c->lock);
	return r;
}

static void consumer_end(struct consumer *c, struct hva_range range)
{
	spin_lock(&c->lock);
	/* seq first, then the open count (N4). release: pairs with token_take, so that a token
	 * which shows the new seq also sees the host entries that the notice was about. */
	uint64_t seq = atomic_load_explicit(&c->seq, memory_order_relaxed);
	atomic_store_explicit(&c->seq, seq + 1, memory_order_release);
	mm_step("notice_seq_raised", c);
	c->last = range;
	c->open--;
	spin_unlock(&c->lock);
}

/* N4 (2): pfn caches go first, before the open count tells anybody (N5). */
static __attribute__((noinline)) void caches_invalidate(struct notifier *nf, struct hva_range range)
{
	for (struct consumer *c = nf->consumers; c != NULL; c = c->next) {
		if (c->kind != CONSUMER_CACHE)
			continue;
		spin_lock(&c->lock);
		enum result r = c->ops->invalidate(c, range, NOTICE_NESTED);
		spin_unlock(&c->lock);
		MM_CHECK(r == OK);
	}
}

/* Ends it for the consumers before `stop`, and counts it as over. */
static inline void notice_close(struct notice *n, const struct consumer *stop)
{
	struct notifier *nf = n->notifier;

	for (struct consumer *c = nf->consumers; c != stop; c = c->next)
		consumer_end(c, n->range);
	mm_step("notice_inactive", nf);
	notice_dismiss(nf, n->mode);
}

/* A consumer has refused: those before it end in the ordinary way. */
static __attribute__((noinline)) enum result notice_undo(struct notice *n, const struct consumer *c,
							 enum result r)
{
	MM_CHECK(n->mode == NOTICE_TRY); /* only then may a consumer refuse */
	notice_close(n, c);
	return r;
}

enum result notice_begin(struct notice *n, struct notifier *nf, struct hva_range range,
			 enum notice_mode mode)
{
	*n = (struct notice){ nf, range, mode };
	if (__builtin_expect(!notice_admit(n), 0))
		return BUSY;
	mm_step("notice_active", n->notifier);
	if (n->notifier->caches != 0)
		caches_invalidate(n->notifier, n->range);
	for (struct consumer *c = n->notifier->consumers; c != NULL; c = c->next) {
		enum result r = consumer_begin(c, n);
		if (__builtin_expect(r != OK, 0))
			return notice_undo(n, c, r);
	}
	return OK;
}

void notice_end(struct notice *n)
{
	notice_close(n, NULL);
}

/* ---- Turns (N8) ------------------------------------------------------------------------------ */

bool notice_turn_take(struct notifier *nf, struct notice_turn *turn)
{
	uint32_t seen = state_look(nf), next;
	bool mine;

	if (turn->mine)
		return true;
	do {
		mine = !(seen & (NOTIFIER_ACTIVE | NOTIFIER_TAKEN));
		next = seen | (mine ? NOTIFIER_TAKEN : NOTIFIER_TELL);
		next += turn->asked ? 0 : ONE(NOTIFIER_TURNS);
	} while (!state_change(nf, &seen, next));
	*turn = (struct notice_turn){ .asked = true, .mine = mine };
	return mine;
}

void notice_turn_done(struct notifier *nf, struct notice_turn *turn)
{
	if (!turn->asked)
		return;
	bool mine = turn->mine;
	*turn = (struct notice_turn){ false, false };
	state_end(nf, ONE(NOTIFIER_TURNS), mine ? NOTIFIER_TAKEN : 0);
}

/* ---- Tokens (P5) ----------------------------------------------------------------------------- */

bool token_lost(struct consumer *c, uint64_t shown, struct hva_range range)
{
	if (c->open != 0 && hva_range_overlaps(c->hull, range)) {
		c->retries_open++;
		return true;
	}
	/* relaxed: seq is written under the lock that the caller holds. */
	uint64_t seq = atomic_load_explicit(&c->seq, memory_order_relaxed);
	if (shown == seq)
		return false;
	c->retries_seq++;
	if (seq == shown + 1 && !hva_range_overlaps(c->last, range))
		c->retries_false++;
	return true;
}
