/* SPDX-License-Identifier: BSD-2-Clause */
/* Pfn caches (C1, N5): look up without a lock, check and use under the cache's own. */
#include "mm/pfn_cache.h"

#include <stddef.h>
#include <string.h>

#include "mm/follow.h"

#define CACHE_TRIES 4u

static struct pfn_cache *cache_of(struct consumer *c)
{
	return (struct pfn_cache *)((char *)c - offsetof(struct pfn_cache, consumer));
}

static enum result cache_invalidate(struct consumer *c, struct hva_range range,
				    enum notice_mode mode)
{
	struct pfn_cache *pc = cache_of(c);

	(void)mode;
	if (hva_range_covers(range, pc->page))
		pc->valid =
			false; /* marks were folded at each use; nothing else remembers the pfn */
	return OK;
}

static bool cache_reaches(struct consumer *c, pfn_t first, uint64_t count)
{
	const struct pfn_cache *pc = cache_of(c);
	return pc->valid && pc->counted && pc->pfn.v - first.v < count;
}

static const struct consumer_ops cache_ops = {
	.name = "pfn cache",
	.invalidate = cache_invalidate,
	.released = NULL,
	.reaches = cache_reaches,
};

enum result pfn_cache_create(struct pfn_cache *pc, struct space *s, hva_t page)
{
	memset(pc, 0, sizeof(*pc));
	pc->space = s;
	pc->page = hva_page(page);
	return consumer_register(&pc->consumer, &s->notifier, &cache_ops, CONSUMER_CACHE);
}

enum result pfn_cache_destroy(struct pfn_cache *pc)
{
	return consumer_unregister(&pc->consumer);
}

/*
 * Looks the page up. N5: while a notice is *active* its invalidation of this cache may be over and
 * its change still to come, so nothing may be kept; the open count is raised only after.
 */
static enum result cache_refresh(struct pfn_cache *pc)
{
	struct follow_answer a;
	struct token token = token_take(&pc->consumer);
	struct follow_request rq = {
		.space = pc->space,
		.hva = pc->page,
		.access = ACCESS_WRITE,
		.intent = INTENT_MAP,
		.slot_writable = true,
		.may_sleep = true,
		.token = &token,
	};

	enum result r = follow_pfn(&rq, &a);
	if (r != OK)
		return r;
	if (a.class == FRAME_DEVICE)
		return UNSUPPORTED;
	spin_lock(&pc->consumer.lock);
	if (notice_active(&pc->space->notifier) || !token_check(&pc->consumer, &token, pc->page)) {
		r = RACED;
	} else {
		pc->pfn = a.pfn;
		pc->counted = a.class == FRAME_COUNTED;
		pc->valid = true;
		pc->refreshes++;
	}
	spin_unlock(&pc->consumer.lock);
	return r;
}

/* One copy, under the lock, if the cache is valid. */
static bool cache_use(struct pfn_cache *pc, uint64_t offset, void *to, const void *from,
		      uint64_t bytes)
{
	spin_lock(&pc->consumer.lock);
	bool valid = pc->valid;
	if (valid) {
		unsigned char *page = mm_linear(pc->pfn);
		if (from != NULL)
			memcpy(page + offset, from, bytes);
		else
			memcpy(to, page + offset, bytes);
		if (pc->counted) /* F7, I4: the frame is alive, a notice would have to wait for this
				    lock */
			frame_mark(frame_head(frame_of(pc->pfn)),
				   FRAME_YOUNG | (from != NULL ? FRAME_DIRTY : 0));
	}
	spin_unlock(&pc->consumer.lock);
	return valid;
}

static enum result cache_copy(struct pfn_cache *pc, uint64_t offset, void *to, const void *from,
			      uint64_t bytes)
{
	if (offset > PAGE_SIZE || bytes > PAGE_SIZE - offset)
		return BAD_ARGUMENT;
	for (unsigned i = 0; i < CACHE_TRIES; i++) {
		if (cache_use(pc, offset, to, from, bytes))
			return OK;
		enum result r = cache_refresh(pc);
		if (r != OK)
			return r;
	}
	return RACED;
}

enum result pfn_cache_write(struct pfn_cache *pc, uint64_t offset, const void *from, uint64_t bytes)
{
	return cache_copy(pc, offset, NULL, from, bytes);
}

enum result pfn_cache_read(struct pfn_cache *pc, uint64_t offset, void *to, uint64_t bytes)
{
	return cache_copy(pc, offset, to, NULL, bytes);
}
