/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invalidation notifier. The order of steps in notice_begin and notice_end is the protocol
 * (N4): each line here that comes before another does so for a reason that mm/LOCKING.md tells.
 */
#include "mm/notice.h"

#include <stddef.h>

/*
 * Why the list of consumers cannot change now. BUSY: a notice is active, whose end is still to tell
 * everybody (released). RACED: the notices are over, and some have told already: who waited to be
 * told would wait for ever.
 */
static enum result list_refusal(struct notifier *nf) REQUIRES(nf->lock)
{
	if (atomic_load_explicit(&nf->walkers, memory_order_acquire) == 0)
		return OK;
	return notice_active(nf) ? BUSY : RACED;
}

enum result consumer_register(struct consumer *c, struct notifier *nf,
			      const struct consumer_ops *ops, enum consumer_kind kind)
{
	spin_lock(&nf->lock);
	enum result r = list_refusal(nf);
	if (r == OK) {
		c->open = 0;
		c->hull = c->last = (struct hva_range){ hva(0), hva(0) };
		c->ops = ops;
		c->kind = kind;
		c->notifier = nf;
		c->next = nf->consumers;
		nf->consumers = c;
		nf->caches += kind == CONSUMER_CACHE;
	}
	spin_unlock(&nf->lock);
	return r;
}

enum result consumer_unregister(struct consumer *c)
{
	struct notifier *nf = c->notifier;

	spin_lock(&nf->lock);
	enum result r = list_refusal(nf);
	if (r == OK) {
		struct consumer **at = &nf->consumers;
		while (*at != c)
			at = &(*at)->next;
		*at = c->next;
		c->notifier = NULL;
		nf->caches -= c->kind == CONSUMER_CACHE;
	}
	spin_unlock(&nf->lock);
	return r;
}

/* N4 (1): counts the notice as active, unless somebody's turn or a change of memslots keeps it out.
 */
static inline bool notice_admit(struct notifier *nf, enum notice_mode mode)
{
	spin_lock(&nf->lock);
	uint32_t active = atomic_load_explicit(&nf->active, memory_order_relaxed);
	bool kept_out = mode != NOTICE_NESTED &&
			(nf->turns != 0 || nf->slots || (mode == NOTICE_SLOTS && active != 0));
	if (__builtin_expect(!kept_out, 1)) {
		/* relaxed: the lock orders it before the invalidations, and a reader under a
		 * consumer's lock that was taken after ours sees it (N5). */
		atomic_store_explicit(&nf->active, active + 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&nf->walkers, 1, memory_order_relaxed);
		if (mode == NOTICE_SLOTS)
			nf->slots = true;
	}
	spin_unlock(&nf->lock);
	return !kept_out;
}

static void notice_dismiss(struct notifier *nf, enum notice_mode mode)
{
	spin_lock(&nf->lock);
	uint32_t active = atomic_load_explicit(&nf->active, memory_order_relaxed);
	/* release: who finds no notice active sees all that the notice's owner has changed. */
	atomic_store_explicit(&nf->active, active - 1, memory_order_release);
	if (mode == NOTICE_SLOTS)
		nf->slots = false;
	spin_unlock(&nf->lock);
}

static struct hva_range hull_of(struct hva_range a, struct hva_range b)
{
	return (struct hva_range){ a.start.v < b.start.v ? a.start : b.start,
				   a.end.v > b.end.v ? a.end : b.end };
}

/* N3: a notice begins inside other open ones. What those cover stays covered; if the consumer
 * refuses, the hull is again what it was. */
static __attribute__((noinline)) enum result consumer_begin_nested(struct consumer *c,
								   struct hva_range range,
								   enum notice_mode mode)
	REQUIRES(c->lock)
{
	struct hva_range before = c->hull;
	enum result r = OK;

	c->hull = hull_of(before, range);
	c->open++;
	mm_step("notice_open_raised", c);
	if (c->kind == CONSUMER_TABLE)
		r = c->ops->invalidate(c, range, mode);
	if (r != OK) {
		c->open--;
		c->hull = before;
	}
	return r;
}

/* N4 (3) for one consumer: what it refuses (NOTICE_TRY) it has not begun. */
static inline enum result consumer_begin(struct consumer *c, struct hva_range range,
					 enum notice_mode mode)
{
	enum result r = OK;

	spin_lock(&c->lock);
	if (__builtin_expect(c->open == 0, 1)) {
		c->hull = range;
		c->open = 1;
		mm_step("notice_open_raised", c);
		if (c->kind == CONSUMER_TABLE)
			r = c->ops->invalidate(c, range, mode);
		if (r != OK)
			c->open = 0;
	} else {
		r = consumer_begin_nested(c, range, mode);
	}
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

/* Tells everybody that who was kept out may try again; then the list of consumers may change. */
static inline void notice_release(struct notifier *nf)
{
	for (struct consumer *c = nf->consumers; c != NULL; c = c->next) {
		if (c->ops->released != NULL)
			c->ops->released(c);
	}
	/* release: the walk is over before the list may change. */
	atomic_fetch_sub_explicit(&nf->walkers, 1, memory_order_release);
}

/* Ends it for the consumers before `stop`, and counts it as over. */
static inline void notice_close(struct notice *n, const struct consumer *stop)
{
	struct notifier *nf = n->notifier;

	for (struct consumer *c = nf->consumers; c != stop; c = c->next)
		consumer_end(c, n->range);
	mm_step("notice_inactive", nf);
	notice_dismiss(nf, n->mode);
	notice_release(nf);
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
	while (!notice_admit(nf, mode)) {
		if (mode != NOTICE_WAIT)
			return BUSY;
		mm_relax();
	}
	*n = (struct notice){ nf, range, mode };
	mm_step("notice_active", nf);
	if (nf->caches != 0)
		caches_invalidate(nf, range);
	for (struct consumer *c = nf->consumers; c != NULL; c = c->next) {
		enum result r = consumer_begin(c, range, mode);
		if (__builtin_expect(r != OK, 0))
			return notice_undo(n, c, r);
	}
	atomic_fetch_add_explicit(&nf->begun, 1, memory_order_relaxed);
	return OK;
}

void notice_end(struct notice *n)
{
	notice_close(n, NULL);
}

bool notice_turn_take(struct notifier *nf, struct notice_turn *turn)
{
	spin_lock(&nf->lock);
	if (!turn->asked)
		nf->turns++;
	turn->asked = true;
	/* acquire: what the last notice changed is seen. */
	bool quiet = atomic_load_explicit(&nf->active, memory_order_acquire) == 0;
	if (!turn->mine && quiet && !nf->turn_taken)
		turn->mine = nf->turn_taken = true;
	spin_unlock(&nf->lock);
	return turn->mine;
}

void notice_turn_done(struct notifier *nf, struct notice_turn *turn)
{
	if (!turn->asked)
		return;
	spin_lock(&nf->lock);
	nf->turns--;
	if (turn->mine)
		nf->turn_taken = false;
	*turn = (struct notice_turn){ false, false };
	atomic_fetch_add_explicit(&nf->walkers, 1, memory_order_relaxed);
	spin_unlock(&nf->lock);
	notice_release(nf);
}

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
