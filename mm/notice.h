/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invalidation notifier (rules N1-N8): whoever changes what a host space maps wraps the change
 * in a notice, and everything that keeps a pfn beyond a lock - a consumer - has dropped it when
 * notice_begin returns, and gets none anew before notice_end.
 *
 *	notice_begin(&n, space, range, mode);	consumers let go; nothing new in the range
 *	... the host entries change ...
 *	notice_end(&n);				lookups begun before this are stale
 *
 * The other side is a token: the consumer's `seq`, taken before a lookup and shown again under the
 * consumer's lock when the result is put to use (P5). The race in two columns is in mm/LOCKING.md.
 */
#ifndef MM_NOTICE_H
#define MM_NOTICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/lock.h"
#include "mm/result.h"

struct consumer;
struct notifier;

enum notice_mode {
	NOTICE_TRY,  /* refused (BUSY, WOULD_SLEEP) rather than waited for (N7) */
	NOTICE_WAIT, /* waits for turns and memslot changes of other CPUs to pass; see notice_begin
		      */
	NOTICE_NESTED, /* inside another notice, or a turn, of this CPU: admitted at once */
	NOTICE_SLOTS,  /* a change of memslots (N6): only while no other notice is active */
};

struct consumer_ops {
	const char *name;
	/*
	 * The consumer's lock is held. Lets go of every translation of the range, folds young and
	 * dirty into the frames' records while they are certainly alive (F7), and flushes: when it
	 * returns no CPU and no device can use an old translation (N4). With `mode` NOTICE_TRY it
	 * may refuse with WOULD_SLEEP before it has changed anything; otherwise it returns OK.
	 */
	enum result (*invalidate)(struct consumer *c, struct hva_range range,
				  enum notice_mode mode);
	/* A notice over the consumer's space has ended, or a turn, and somebody was refused since
	 * this was last called; no lock is held. Wakes who waits. May be NULL. */
	void (*released)(struct consumer *c);
	/* Census (F8): does the consumer reach a frame of [first, first + count)? No lock is held.
	 */
	bool (*reaches)(struct consumer *c, pfn_t first, uint64_t count);
};

enum consumer_kind {
	CONSUMER_TABLE, /* keeps many translations: a VM's stage-2, an IOMMU domain */
	CONSUMER_CACHE, /* keeps one, and is invalidated first (N4 (2), N5) */
};

/*
 * A registered keeper of pfns (N2). Its owner embeds it. `lock` guards open, hull, last and
 * whatever translations the owner keeps; seq is written under the lock and read without it by
 * token_take.
 */
struct consumer {
	struct spinlock lock;
	uint32_t open;		/* notices begun and not ended (N3) */
	_Atomic uint64_t seq;	/* raised at each end */
	struct hva_range hull;	/* covers the ranges of all open notices */
	struct hva_range last;	/* the range that ended last */
	uint64_t retries_open;	/* checks refused because a notice was open there */
	uint64_t retries_seq;	/* checks refused because one had ended meanwhile */
	uint64_t retries_false; /* of these, by a notice that did not touch the range */
	const struct consumer_ops *ops;
	enum consumer_kind kind;
	struct notifier *notifier;
	struct consumer *next; /* in notifier->consumers */
};

/*
 * One for each host space. All that decides who may go on is in one word, which changes by
 * compare-and-swap: counts, and bits.
 */
struct notifier {
	_Atomic uint32_t state;	    /* NOTIFIER_* */
	uint32_t caches;	    /* how many of the consumers are CONSUMER_CACHE */
	struct consumer *consumers; /* changes, as caches, with NOTIFIER_LIST only */
};

#define NOTIFIER_ACTIVE 0x000003ffu  /* N4 (1): notices begun and not ended */
#define NOTIFIER_WALKERS 0x0003fc00u /* who else goes through the list of consumers */
#define NOTIFIER_TAKEN 0x00040000u   /* one of the turns asked for is had (N8) */
#define NOTIFIER_TELL 0x00080000u    /* somebody was refused: the next end tells (released) */
#define NOTIFIER_SLOTS 0x00100000u   /* a change of memslots is under way (N6) */
#define NOTIFIER_LIST 0x00200000u    /* the list changes: nobody goes through it, all wait */
#define NOTIFIER_TURNS 0xffc00000u   /* faults that have asked for their turn (N8) */

/* What one more adds to a field of a notifier's state that counts; and how many it counts. */
#define NOTIFIER_ONE(field) ((field) & (~(field) + 1))
#define NOTIFIER_COUNT(state, field) ((state) / NOTIFIER_ONE(field) & (field) / NOTIFIER_ONE(field))

struct notice {
	struct notifier *notifier;
	struct hva_range range;
	enum notice_mode mode;
};

/*
 * Registers a consumer that has no translations yet, or takes one out that has none left. Refused
 * while notices go through the list, and then nothing has changed. BUSY: one is active; its end
 * tells (consumer_ops.released). RACED: all are over, and perhaps have told already; to be tried
 * again at once.
 */
enum result consumer_register(struct consumer *c, struct notifier *nf,
			      const struct consumer_ops *ops, enum consumer_kind kind);
enum result consumer_unregister(struct consumer *c);

/*
 * Between these the list of consumers stays as it is, though a consumer of it may come to its end.
 * No lock; nothing that waits.
 */
void consumers_hold(struct notifier *nf);
void consumers_let_go(struct notifier *nf);

/*
 * Begins a notice over [range.start, range.end). OK: no consumer has a translation of the range,
 * or can get one before notice_end, and none is left in a TLB. BUSY, WOULD_SLEEP (NOTICE_TRY,
 * NOTICE_SLOTS only): nothing has happened. No consumer's lock and no space's lock may be held.
 * NOTICE_WAIT spins until a fault whose turn it is has completed, so it must not be used on a CPU
 * which has to run that fault's vCPU: code that serves a vCPU uses NOTICE_TRY.
 */
enum result notice_begin(struct notice *n, struct notifier *nf, struct hva_range range,
			 enum notice_mode mode);
void notice_end(struct notice *n);

/* Is the notice open over all of the range? For the assertion of H5. */
static inline bool notice_covers(const struct notice *n, struct hva_range r)
{
	return n->range.start.v <= r.start.v && r.end.v <= n->range.end.v;
}

/* Is any notice of the space active (N5)? */
static inline bool notice_active(struct notifier *nf)
{
	return (atomic_load_explicit(&nf->state, memory_order_acquire) & NOTIFIER_ACTIVE) != 0;
}

/* A statistic: the notices over its space that the consumer has seen end. */
static inline uint64_t consumer_notices(const struct consumer *c)
{
	return atomic_load_explicit(&c->seq, memory_order_relaxed);
}

/*
 * N8: a fault that has lost NOTICE_PATIENCE lookups in a row asks for its turn. While anybody asks
 * or has it, NOTICE_TRY and NOTICE_SLOTS are refused and NOTICE_WAIT waits, so the active notices
 * run out; then the askers have their turn one at a time, and nothing but themselves can raise a
 * notice in it (NOTICE_NESTED). So a fault takes at most NOTICE_PATIENCE lookups, a wait for the
 * notices that were active and the turns of the faults that asked with it, and two more lookups
 * (the first may itself break a shared page): NOTICE_MAX_ROUNDS.
 */
#define NOTICE_PATIENCE 4u
#define NOTICE_MAX_ROUNDS (NOTICE_PATIENCE + 2u)

/* All zero: neither asked for nor held. */
struct notice_turn {
	bool asked, mine;
};

/*
 * Asks, if it has not yet. true: the turn is the caller's, look up now. false: wait
 * (consumer_ops.released tells), then call again.
 */
bool notice_turn_take(struct notifier *nf, struct notice_turn *turn);

/* Gives it back, or asks no more; whatever came of the fault. Nothing if it was never asked for. */
void notice_turn_done(struct notifier *nf, struct notice_turn *turn);

/* P5. Taken before a lookup, shown when its answer is put to use. */
struct token {
	const struct consumer *consumer;
	uint64_t seq;
};

static inline struct token token_take(const struct consumer *c)
{
	/* acquire: a lookup after this sees the entries written before the end that raised seq. */
	return (struct token){ c, atomic_load_explicit(&c->seq, memory_order_acquire) };
}

/*
 * With the consumer's lock held: has nothing happened under the token, no notice open and none
 * ended since, wherever in the space? Asks for less than token_check, and may say false more often.
 */
static inline bool token_quiet(const struct consumer *c, const struct token *t) REQUIRES(c->lock);

/*
 * With the consumer's lock held: may a translation, looked up under the token, be established now?
 * `range` is all that it would translate: for a huge leaf the leaf's whole range, since a notice
 * may be open beside the page that faulted. false: a notice covers a part of it, or one has ended
 * since; look up again. Nothing has changed but the counters of lost checks.
 */
static inline bool token_check(struct consumer *c, const struct token *t, struct hva_range range)
	REQUIRES(c->lock);

/* The check itself, for when it is not plain that nothing has happened. */
bool token_lost(struct consumer *c, uint64_t shown, struct hva_range range) REQUIRES(c->lock);

static inline bool token_quiet(const struct consumer *c, const struct token *t)
{
	MM_ASSERT(t->consumer == c);
	/* relaxed: seq is written under the lock that the caller holds. */
	return __builtin_expect(
		c->open == 0 && atomic_load_explicit(&c->seq, memory_order_relaxed) == t->seq,
		true);
}

static inline bool token_check(struct consumer *c, const struct token *t, struct hva_range range)
{
	return token_quiet(c, t) || !token_lost(c, t->seq, range);
}

#endif
