/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * follow_pfn: the one door through which anybody gets a pfn out of a host space (rules P1-P8). The
 * caller says how it will hold the frame; the answer says what the frame is; neither is ever
 * guessed.
 *
 *                COUNTED        UNCOUNTED / DEVICE        how it is held
 *   MAP          yes            yes                       by notice: shows a token, takes no count
 *   PREFETCH     yes            yes                       as MAP; never faults the host page in
 *   PIN          yes            CANNOT_PIN_UNCOUNTED      by a pin, until frame_unpin
 *   PEEK         yes            yes                       only while the caller keeps the space's
 * lock
 */
#ifndef MM_FOLLOW_H
#define MM_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/addr.h"
#include "mm/frame.h"
#include "mm/host_table.h"
#include "mm/notice.h"
#include "mm/result.h"
#include "mm/space.h"

enum intent { INTENT_MAP, INTENT_PIN, INTENT_PEEK, INTENT_PREFETCH };

enum hold { HOLD_NONE, HOLD_PINNED };

struct follow_request {
	struct space *space;
	hva_t hva;	    /* of a byte in the page */
	enum access access; /* one of read, write, execute */
	enum intent intent;
	bool slot_writable;	   /* the memslot allows writing (P7) */
	bool want_writable;	   /* a read may yield a writable mapping */
	bool may_sleep;		   /* else WOULD_SLEEP rather than fetching memory */
	bool in_turn;		   /* the caller holds the notifier's turn (N8) */
	const struct token *token; /* MAP and PREFETCH: taken before this call (P5) */
};

struct follow_answer {
	pfn_t pfn;
	enum frame_class class; /* COUNTED, UNCOUNTED or DEVICE */
	enum hold hold;
	bool may_write; /* P7: the memslot, the region and the host entry all allow writing */
	bool writable;	/* ... and it was asked for: by the access, or by want_writable */
	bool executable;
	enum memtype type;
	unsigned order; /* H7: the host entry covers 2^order pages, aligned around the page */
};

/*
 * OK: `out` is filled. Refused, and `out` untouched: READONLY_MEMSLOT (a write: may be MMIO),
 * BAD_INTENT (no token for MAP, or one of a consumer that is not registered with this space; a
 * token for PIN; execute with PIN), BAD_ARGUMENT (more than one access), CANNOT_PIN_UNCOUNTED,
 * IN_USE (a pin on a count at its limit), NO_REGION, NO_PERMISSION, NO_BACKING, OUT_OF_MEMORY,
 * POISONED; for another try: RACED, WOULD_SLEEP, BUSY. Faults host memory in through space_fault.
 * No TLB effect. PEEK: the caller holds the space's lock; the others: it does not. MAP and PREFETCH
 * read the table without the lock: what they read may be stale at once, which is what the token is
 * for.
 */
enum result follow_pfn(const struct follow_request *rq, struct follow_answer *out);

/* ---- The parts that a fault runs through, inline for its sake ----------------------------------
 */

/* P2: what the table of intents forbids is refused before anything is looked up. */
static inline enum result follow_check_intent(const struct follow_request *rq)
{
	switch (rq->intent) {
	case INTENT_MAP:
	case INTENT_PREFETCH:
		/* A token of another space's consumer would show nothing about this one (P5). */
		return rq->token != NULL && rq->token->consumer != NULL &&
				       rq->token->consumer->notifier == &rq->space->notifier
			       ? OK
			       : BAD_INTENT;
	case INTENT_PIN: return rq->token == NULL && rq->access != ACCESS_EXEC ? OK : BAD_INTENT;
	case INTENT_PEEK: return rq->token == NULL ? OK : BAD_INTENT;
	}
	return BAD_INTENT;
}

/* All that is refused without a look: one access at a time, an address that the table does not fold
 * onto another one, an intent that goes with the rest, a write that the memslot allows (P7). */
static inline enum result follow_check(const struct follow_request *rq)
{
	if (rq->access != ACCESS_READ && rq->access != ACCESS_WRITE && rq->access != ACCESS_EXEC)
		return BAD_ARGUMENT;
	if (rq->hva.v >> SPACE_BITS)
		return NO_REGION;
	enum result r = follow_check_intent(rq);
	if (r == OK && rq->access == ACCESS_WRITE && !rq->slot_writable)
		return READONLY_MEMSLOT;
	return r;
}

static inline enum frame_class follow_class(uint64_t leaf)
{
	static const unsigned char classes[] = {
		[0] = FRAME_COUNTED,
		[HOST_RAM / HOST_SPECIAL] = FRAME_COUNTED,
		[1] = FRAME_DEVICE,
		[HOST_RAM / HOST_SPECIAL + 1] = FRAME_UNCOUNTED,
	};

	return (enum frame_class)classes[leaf / HOST_SPECIAL & (HOST_RAM / HOST_SPECIAL + 1)];
}

/* The answer that a host leaf of `level` gives. */
static inline void follow_fill(const struct follow_request *rq, uint64_t leaf, unsigned level,
			       enum hold hold, struct follow_answer *out)
{
	bool asked = rq->access == ACCESS_WRITE || rq->want_writable;

	out->pfn = host_pfn_at(leaf, level, rq->hva);
	out->class = follow_class(leaf);
	out->hold = hold;
	out->may_write = rq->slot_writable & ((leaf & HOST_WRITE) != 0); /* P7 */
	out->writable = out->may_write & asked;
	out->executable = (leaf & HOST_EXEC) != 0;
	out->type = host_type(leaf);
	out->order = host_order(level);
}

/*
 * What the host has for a request that passes follow_check, MAP or PREFETCH: a leaf that allows the
 * access (true), for follow_fill. In a grace section.
 */
static inline bool follow_now(const struct follow_request *rq, struct host_found *out)
{
	MM_ASSERT(rq->token != NULL && follow_check(rq) == OK);
	out->leaf = host_lookup(rq->space->root, rq->hva, &out->level);
	return host_allows(out->leaf, rq->access);
}

/* How often a host fault that raced with another change is repeated in one call. */
#define FOLLOW_TRIES 8u

/*
 * What follow_pfn does when follow_now says false: has the page brought in, or allowed (H3). OK:
 * `out` is for follow_fill. Refused as follow_pfn.
 */
static inline enum result follow_rest(const struct follow_request *rq, struct host_found *out)
{
	if (rq->intent == INTENT_PREFETCH || !rq->may_sleep)
		return WOULD_SLEEP;
	for (unsigned i = 0; i < FOLLOW_TRIES; i++) {
		mm_step("follow_fault", rq->space);
		enum result r =
			space_fault(rq->space, rq->hva, rq->access, false, rq->in_turn, out);
		if (r != RACED)
			return r;
	}
	return RACED;
}

#endif
