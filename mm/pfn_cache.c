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

static struct hva_range page_range(const struct pfn_cache *pc)
{
	return hva_range(pc->page, PAGE_SIZE);
}

/* relaxed: written under the lock that its users hold; the census is content with any value that
 * was there after the last notice. */
static void keep(struct pfn_cache *pc, uint64_t n)
{
	atomic_store_explicit(&pc->kept, n, memory_order_relaxed);
}

static uint64_t kept(const struct pfn_cache *pc)
{
	return atomic_load_explicit(&pc->kept, memory_order_relaxed);
}

static enum result cache_invalidate(struct consumer *c, struct hva_range range,
				    enum notice_mode mode)
{
	struct pfn_cache *pc = cache_of(c);

	(void)mode;
	/* Marks were folded at each use, and nothing else remembers the pfn. */
	if (hva_range_overlaps(range, page_range(pc)))
		keep(pc, PFN_CACHE_NOTHING);
	return OK;
}

static bool cache_reaches(struct consumer *c, pfn_t first, uint64_t count)
{
	return kept(cache_of(c)) - first.v < count;
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
	keep(pc, PFN_CACHE_NOTHING);
	return consumer_register(&pc->consumer, &s->notifier, &cache_ops, CONSUMER_CACHE);
}

enum result pfn_cache_destroy(struct pfn_cache *pc)
{
	/* While a notice still reaches it: after that it must know nothing (N2). */
	keep(pc, PFN_CACHE_NOTHING);
	return consumer_unregister(&pc->consumer);
}

void pfn_cache_retarget(struct pfn_cache *pc, hva_t page)
{
	spin_lock(&pc->consumer.lock);
	if (pc->page.v != hva_page(page).v) {
		pc->page = hva_page(page);
		keep(pc, PFN_CACHE_NOTHING);
	}
	spin_unlock(&pc->consumer.lock);
}

/*
 * Looks the page up. N5: while a notice is *active* its invalidation of this cache may be over and
 * its change still to come, so nothing may be kept; the open count is raised only after.
 */
static enum result cache_refresh(struct pfn_cache *pc, enum access access)
{
	struct follow_answer a;
	struct token token = token_take(&pc->consumer);

	mm_step("cache_token", pc);
	struct follow_request rq = {
		.space = pc->space,
		.hva = pc->page,
		.access = access,
		.intent = INTENT_MAP,
		.slot_writable = true,
		.want_writable = true,
		.may_sleep = true,
		.token = &token,
	};

	enum result r = follow_pfn(&rq, &a);
	if (r != OK)
		return r;
	if (a.class == FRAME_DEVICE || a.type != MEM_WRITE_BACK)
		return UNSUPPORTED;
	mm_step("cache_followed", pc);
	spin_lock(&pc->consumer.lock);
	if (notice_active(&pc->space->notifier) ||
	    !token_check(&pc->consumer, &token, page_range(pc))) {
		r = RACED;
	} else {
		keep(pc, a.pfn.v);
		pc->counted = a.class == FRAME_COUNTED;
		pc->writable = a.writable;
		pc->refreshes++;
	}
	spin_unlock(&pc->consumer.lock);
	return r;
}

/* One copy, under the lock, if the cache has what it takes. */
static bool cache_use(struct pfn_cache *pc, uint64_t offset, void *to, const void *from,
		      uint64_t bytes)
{
	spin_lock(&pc->consumer.lock);
	pfn_t n = pfn(kept(pc));
	bool valid = n.v != PFN_CACHE_NOTHING && (from == NULL || pc->writable);
	if (valid) {
		unsigned char *page = mm_linear(n);
		if (from != NULL)
			memcpy(page + offset, from, bytes);
		else
			memcpy(to, page + offset, bytes);
		/* F7, I4: the frame is alive, since a notice would have to wait for this lock. */
		if (pc->counted)
			frame_mark(frame_of(n), FRAME_YOUNG | (from != NULL ? FRAME_DIRTY : 0));
	}
	spin_unlock(&pc->consumer.lock);
	return valid;
}

static enum result cache_copy(struct pfn_cache *pc, uint64_t offset, void *to, const void *from,
			      uint64_t bytes)
{
	if (offset > PAGE_SIZE || bytes > PAGE_SIZE - offset)
		return BAD_ARGUMENT;
	for (unsigned i = 0; !cache_use(pc, offset, to, from, bytes); i++) {
		if (i == CACHE_TRIES)
			return RACED;
		enum result r = cache_refresh(pc, from != NULL ? ACCESS_WRITE : ACCESS_READ);
		/* A notice that is over, such as the breaking of a shared page just now, costs
		 * only another lookup. */
		if (r != OK && (r != RACED || notice_active(&pc->space->notifier)))
			return r;
	}
	return OK;
}

enum result pfn_cache_write(struct pfn_cache *pc, uint64_t offset, const void *from, uint64_t bytes)
{
	return cache_copy(pc, offset, NULL, from, bytes);
}

enum result pfn_cache_read(struct pfn_cache *pc, uint64_t offset, void *to, uint64_t bytes)
{
	return cache_copy(pc, offset, to, NULL, bytes);
}
