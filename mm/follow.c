/* SPDX-License-Identifier: BSD-2-Clause */
/* follow_pfn: checks the request, looks the page up, faults it in if it must, and says what it is.
 */
#include "mm/follow.h"

#include <stddef.h>

#include "mm/grace.h"
#include "mm/host_fault.h"
#include "mm/host_table.h"

/* How often a lookup that keeps missing what a host fault has just made is repeated in one call. */
#define FOLLOW_TRIES 8u

/* MAP, PREFETCH: without the lock. An entry that is being replaced is caught by the token (P5). */
static bool lookup_map(const struct follow_request *rq, struct follow_answer *out)
{
	unsigned level;

	grace_enter();
	uint64_t leaf = host_lookup(rq->space->root, rq->hva, &level);
	bool found = host_allows(leaf, rq->access);
	if (found)
		follow_fill(rq, leaf, level, HOLD_NONE, out);
	grace_leave();
	return found;
}

enum result follow_rest(const struct follow_request *rq, struct follow_answer *out)
{
	if (lookup_map(rq, out))
		return OK;
	mm_step("follow_fault", rq->space);
	enum result r = space_fault(rq->space, rq->hva, rq->access, false, rq->in_turn);
	if (r != OK)
		return r;
	return lookup_map(rq, out) ? OK : RACED;
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
	if (rq->intent == INTENT_PEEK)
		return peek(rq, out);
	for (unsigned i = 0; i < FOLLOW_TRIES; i++) {
		enum result refusal = OK;
		bool pin = rq->intent == INTENT_PIN;
		if (pin ? lookup_pin(rq, out, &refusal) : lookup_map(rq, out))
			return refusal;
		if (rq->intent == INTENT_PREFETCH || !rq->may_sleep)
			return WOULD_SLEEP;
		mm_step("follow_fault", rq->space);
		r = space_fault(rq->space, rq->hva, rq->access, pin, rq->in_turn);
		if (r != OK && r != RACED)
			return r;
	}
	return RACED;
}
