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
#include <stdint.h>

#include "mm/addr.h"
#include "mm/frame.h"
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
	bool writable; /* the memslot, the region and the host entry all allow it, and it was asked
			  for */
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

#endif
