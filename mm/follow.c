/* SPDX-License-Identifier: BSD-2-Clause */
/* follow_pfn: checks the request, looks the page up, faults it in if it must, and says what it is.
 */
#include "mm/follow.h"

#include <stddef.h>

#include "mm/grace.h"
#include "mm/host_fault.h"
#include "mm/host_table.h"

/* MAP, PREFETCH: without the lock. An entry that is being replaced is caught by the token (P5). */
static enum result map(const struct follow_request *rq, struct follow_answer *out)
{
	struct host_found found;

	grace_enter();
	bool now = follow_now(rq, &found);
	grace_leave();
	enum result r = now ? OK : follow_rest(rq, &found);
	if (r == OK)
		follow_fill(rq, found.leaf, found.level, HOLD_NONE, out);
	return r;
}

/* PIN: under the lock, so that the entry cannot be broken between the look and the pin (H6). */
static bool lookup_pin(const struct follow_request *rq, struct follow_answer *out,
		       enum result *refusal)
{
	struct space *s = rq->space;
	unsigned level;

	*refusal = OK;
	spin_lock(&s->lock);
	const struct region *region = region_find(s, rq->hva);
	uint64_t leaf = host_lookup(s->root, rq->hva, &level);
	bool found = host_allows(leaf, rq->access) && !(leaf & HOST_SHARED);
	if (region != NULL && region->spec.kind == REGION_PFNMAP) {
		*refusal = CANNOT_PIN_UNCOUNTED; /* P2: before its owner is asked for anything */
		found = true;
	} else if (found) {
		if (leaf & HOST_SPECIAL)
			*refusal = CANNOT_PIN_UNCOUNTED; /* P3: with a record or without */
		else
			*refusal =
				frame_pin(frame_head(frame_of(host_pfn_at(leaf, level, rq->hva))));
		if (*refusal == OK)
			follow_fill(rq, leaf, level, HOLD_PINNED, out);
	}
	spin_unlock(&s->lock);
	return found;
}

/* A pin needs the entry under the lock at the moment it is taken, so it looks again (H6). */
static enum result pin(const struct follow_request *rq, struct follow_answer *out)
{
	struct host_found unused;
	enum result refusal;

	for (unsigned i = 0; i < FOLLOW_TRIES; i++) {
		if (lookup_pin(rq, out, &refusal))
			return refusal;
		if (!rq->may_sleep)
			return WOULD_SLEEP;
		mm_step("follow_fault", rq->space);
		enum result r =
			space_fault(rq->space, rq->hva, rq->access, true, rq->in_turn, &unused);
		if (r != OK && r != RACED)
			return r;
	}
	return RACED;
}

/* PEEK: the caller holds the space's lock for as long as it uses the answer. */
static enum result peek(const struct follow_request *rq, struct follow_answer *out)
{
	unsigned level;

	MM_ASSERT(spin_is_locked(&rq->space->lock));
	uint64_t leaf = host_lookup(rq->space->root, rq->hva, &level);
	if (leaf == 0)
		return NO_BACKING;
	if (!host_allows(leaf, rq->access))
		return NO_PERMISSION;
	follow_fill(rq, leaf, level, HOLD_NONE, out);
	return OK;
}

enum result follow_pfn(const struct follow_request *rq, struct follow_answer *out)
{
	enum result r = follow_check(rq);
	if (r != OK)
		return r;
	switch (rq->intent) {
	case INTENT_PEEK: return peek(rq, out);
	case INTENT_PIN: return pin(rq, out);
	case INTENT_MAP:
	case INTENT_PREFETCH: break;
	}
	return map(rq, out);
}
