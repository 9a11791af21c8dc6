/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host fault handler (H3): brings an entry into being, or widens one. Whatever takes long
 * (memory, its clearing) is prepared without the lock, and put in place under it if it is still
 * wanted.
 */
#include "mm/host_fault.h"

#include <stddef.h>

#include "mm/block.h"
#include "mm/host_table.h"
#include "mm/space.h"

static struct hva_range leaf_range(hva_t a, unsigned level)
{
	uint64_t size = PAGE_SIZE << host_order(level);
	return hva_range(hva(a.v & ~(size - 1)), size);
}

static bool inside(struct hva_range inner, struct hva_range outer)
{
	return outer.start.v <= inner.start.v && inner.end.v <= outer.end.v;
}

static void pages_clear(pfn_t first, unsigned order)
{
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
		mm_page_clear(mm_linear(pfn(first.v + i)));
}

/* ---- ANON --------------------------------------------------------------------------------- */

/* The level a new ANON leaf at `a` may have: 2 MiB if the region and what is there already allow
 * it. */
static unsigned anon_level(struct space *s, const struct region *r, hva_t a)
{
	unsigned level;

	if (!s->huge || r->spec.share_zero || !inside(leaf_range(a, 1), r->range))
		return 0;
	(void)host_lookup(s->root, a, &level);
	return level >= 1 ? 1 : 0; /* the walk ended above level 0: no small table stands there */
}

/* A COUNTED block of zeros, smaller than wished if there is none of that size. */
static enum result anon_alloc(struct space *s, unsigned *level, pfn_t *out)
{
	enum result r = block_alloc(FRAME_COUNTED, host_order(*level), s->owner, out);
	if (r == OUT_OF_MEMORY && *level > 0) {
		*level = 0;
		r = block_alloc(FRAME_COUNTED, 0, s->owner, out);
	}
	if (r == OK)
		pages_clear(*out, host_order(*level));
	return r;
}

/* Puts fresh memory in place, if nobody else has meanwhile. The caller keeps the block unless OK.
 */
static enum result anon_install(struct space *s, hva_t a, enum access access, unsigned level,
				pfn_t block) REQUIRES(s->lock)
{
	const struct region *r = region_find(s, a);
	unsigned found;

	if (r == NULL || r->spec.kind != REGION_ANON || !(r->spec.permissions & (unsigned)access))
		return RACED;
	uint64_t leaf = host_leaf(block, host_permissions(r->spec.permissions), MEM_WRITE_BACK);
	if (level == 0 && host_set_page(s->root, a, leaf)) {
		s->counted++;
		return OK;
	}
	if (host_lookup(s->root, a, &found) != 0 || found < level ||
	    (level > 0 && anon_level(s, r, a) < level))
		return RACED;
	enum result set = host_set(s->root, s->owner, leaf_range(a, level).start, level, leaf);
	if (set == OK)
		s->counted += UINT64_C(1) << host_order(level);
	return set;
}

static enum result anon_fault(struct space *s, hva_t a, enum access access, unsigned level)
{
	pfn_t block;
	enum result r = anon_alloc(s, &level, &block);
	if (r != OK)
		return r;
	spin_lock(&s->lock);
	r = anon_install(s, a, access, level, block);
	spin_unlock(&s->lock);
	if (r != OK)
		frame_put(frame_of(block));
	return r;
}

/* A read of an untouched page of a share_zero region: the space's one frame of zeros. */
static enum result zeros_map(struct space *s, const struct region *r, hva_t a) REQUIRES(s->lock)
{
	if (s->zeros == NULL) {
		pfn_t page;
		enum result got = block_alloc(FRAME_COUNTED, 0, s->owner, &page);
		if (got != OK)
			return got;
		pages_clear(page, 0);
		s->zeros = frame_of(page);
	}
	if (!frame_try_get(s->zeros))
		return OUT_OF_MEMORY; /* its count is at the limit */
	uint64_t flags =
		host_permissions(r->spec.permissions & ~(unsigned)ACCESS_WRITE) | HOST_SHARED;
	uint64_t leaf = host_leaf(frame_pfn(s->zeros), flags, MEM_WRITE_BACK);
	enum result set = host_set(s->root, s->owner, hva_page(a), 0, leaf);
	if (set == OK)
		s->counted++;
	else
		frame_put(s->zeros);
	return set;
}

/* H6: the page becomes one of its own. The pfn changes, so it happens inside a notice (H5). */
static enum result shared_break(struct space *s, hva_t a, enum access access, bool in_turn)
{
	unsigned level = 0, found;
	struct notice n;
	pfn_t own;
	enum result r = anon_alloc(s, &level, &own);
	if (r != OK)
		return r;
	r = notice_begin(&n, &s->notifier, leaf_range(a, 0), in_turn ? NOTICE_NESTED : NOTICE_TRY);
	if (r == OK) {
		spin_lock(&s->lock);
		const struct region *region = region_find(s, a);
		uint64_t leaf = host_lookup(s->root, a, &found);
		if (region != NULL && leaf & HOST_SHARED &&
		    region->spec.permissions & (unsigned)access) {
			uint64_t flags = host_permissions(region->spec.permissions);
			r = host_set(s->root, s->owner, hva_page(a), 0,
				     host_leaf(own, flags, MEM_WRITE_BACK));
			if (r == OK)
				frame_put(s->zeros);
		} else {
			r = RACED;
		}
		spin_unlock(&s->lock);
		notice_end(&n);
	}
	if (r != OK)
		frame_put(frame_of(own));
	return r;
}

/* ---- PFNMAP and MIXED --------------------------------------------------------------------- */

/* The largest level at which the backing may stand around `a`, and the pfn of that leaf. */
static unsigned raw_level(struct space *s, const struct region *r, hva_t a,
			  const struct region_backing *b, pfn_t *first)
{
	unsigned level = s->huge ? HOST_TOP_LEAF : 0;

	for (; level > 0; level--) {
		uint64_t pages = UINT64_C(1) << host_order(level);
		bool congruent = ((a.v >> PAGE_SHIFT) & (pages - 1)) == (b->pfn.v & (pages - 1));
		unsigned found;
		uint64_t leaf = host_lookup(s->root, a, &found);
		bool free = leaf == 0 ? found >= level : found == level;
		if (host_order(level) <= b->order && congruent && free &&
		    inside(leaf_range(a, level), r->range))
			break;
	}
	*first = pfn(b->pfn.v & ~((UINT64_C(1) << host_order(level)) - 1));
	return level;
}

/* The flags of a leaf that shows this backing. */
static uint64_t raw_flags(const struct region *r, const struct region_backing *b)
{
	uint64_t flags = host_permissions(r->spec.permissions);

	if (!b->writable)
		flags &= ~HOST_WRITE;
	if (!b->counted)
		flags |= HOST_SPECIAL | (frame_of(b->pfn) != NULL ? HOST_RAM : 0);
	return flags;
}

/* Nothing is there yet: a leaf as large as the owner allows. */
static enum result raw_install(struct space *s, const struct region *r, hva_t a,
			       const struct region_backing *b) REQUIRES(s->lock)
{
	pfn_t first;
	unsigned level = raw_level(s, r, a, b, &first);
	enum memtype type = b->counted ? MEM_WRITE_BACK : r->spec.type;
	enum result set = host_set(s->root, s->owner, leaf_range(a, level).start, level,
				   host_leaf(first, raw_flags(r, b), type));
	if (set == OK && b->counted)
		s->counted += UINT64_C(1) << host_order(level);
	return set;
}

/*
 * A leaf is there and gets permissions. They may only grow, and the place stays, since there is no
 * notice (H5); and they grow for the pages that the owner speaks of, no further: a larger leaf is
 * split first.
 */
static enum result raw_widen(struct space *s, const struct region *r, hva_t a,
			     const struct region_backing *b) REQUIRES(s->lock)
{
	unsigned level;
	uint64_t old = host_lookup(s->root, a, &level);

	/* The owner already answers for another place and is about to clear this one, or it is
	 * of the other sort now. */
	if (host_pfn_at(old, level, a).v != b->pfn.v || !(old & HOST_SPECIAL) != b->counted)
		return RACED;
	while (host_order(level) > b->order)
		level--;
	enum result split = host_split_down(s->root, s->owner, a, level);
	if (split != OK)
		return split;
	old = host_lookup(s->root, a, &level);
	return host_set(s->root, s->owner, leaf_range(a, level).start, level,
			old | raw_flags(r, b));
}

/*
 * The owner is asked under the lock, so that what it says cannot be stale when it is put in place
 * (H4). The reference that comes with a COUNTED frame becomes that of the new leaf, or is dropped.
 */
static enum result raw_fault(struct space *s, const struct region *r, hva_t a, enum access access,
			     uint64_t old) REQUIRES(s->lock)
{
	struct region_backing b = { pfn(0), 0, false, false };
	uint64_t offset = r->spec.offset + (hva_page(a).v - r->range.start.v);
	enum result answer = r->spec.ops->fault(r->spec.owner, offset, access, &b);
	if (answer != OK)
		return answer;
	b.counted = b.counted && r->spec.kind == REGION_MIXED;
	MM_ASSERT(!b.counted || frame_class(b.pfn) == FRAME_COUNTED);
	if (access == ACCESS_WRITE && !b.writable)
		answer = NO_PERMISSION;
	else
		answer = old == 0 ? raw_install(s, r, a, &b) : raw_widen(s, r, a, &b);
	if (b.counted && (answer != OK || old != 0))
		frame_put(frame_of(b.pfn));
	return answer;
}

/* ---- The handler -------------------------------------------------------------------------- */

enum result space_fault(struct space *s, hva_t a, enum access access, bool unshare, bool in_turn)
{
	enum result result = OK;
	unsigned level;

	spin_lock(&s->lock);
	const struct region *r = region_find(s, a);
	if (r == NULL || !(r->spec.permissions & (unsigned)access)) {
		spin_unlock(&s->lock);
		return r == NULL ? NO_REGION : NO_PERMISSION;
	}
	uint64_t leaf = host_lookup(s->root, a, &level);
	bool shared = (leaf & HOST_SHARED) != 0;
	if (shared && (access == ACCESS_WRITE || unshare)) {
		spin_unlock(&s->lock);
		return shared_break(s, a, access, in_turn);
	}
	if (leaf != 0 && host_allows(leaf, access)) {
		/* somebody else was here */
	} else if (r->spec.kind != REGION_ANON) {
		result = raw_fault(s, r, a, access, leaf);
	} else if (leaf != 0) {
		/* The region was widened after the entry was made; the shared frame stays
		 * read-only. */
		uint64_t more = host_permissions(r->spec.permissions) &
				(shared ? ~HOST_WRITE : ~UINT64_C(0));
		result =
			host_set(s->root, s->owner, leaf_range(a, level).start, level, leaf | more);
	} else if (r->spec.share_zero && access != ACCESS_WRITE && !unshare) {
		result = zeros_map(s, r, a);
	} else {
		level = anon_level(s, r, a);
		spin_unlock(&s->lock);
		return anon_fault(s, a, access, level);
	}
	spin_unlock(&s->lock);
	return result;
}
