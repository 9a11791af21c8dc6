/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host fault handler (H3): brings an entry into being, or widens one. Whatever takes long
 * (memory, its clearing) is prepared without the lock, and put in place under it if it is still
 * wanted.
 */
#include "mm/host_fault.h"

#include <stdatomic.h>
#include <stddef.h>

#include "mm/block.h"
#include "mm/host_table.h"
#include "mm/space.h"

/* The guess where memory will be wanted next is a GiB of the space. */
#define FRESH_NEAR_SHIFT 30u
#define FRESH_NOWHERE UINT64_MAX

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
static unsigned anon_level(const struct space *s, const struct region *r, hva_t a, unsigned end)
{
	if (!s->huge || r->spec.share_zero || !inside(leaf_range(a, 1), r->range))
		return 0;
	return end >= 1 ? 1 : 0; /* the walk ended above level 0: no small table stands there */
}

/* A COUNTED block of zeros that is made ready without the lock. */
struct fresh {
	bool ready;
	unsigned level;
	pfn_t block;
};

/* Of `level`, or smaller if there is none of that size. */
static enum result fresh_make(struct space *s, unsigned level, struct fresh *out)
{
	enum result r = block_alloc(FRAME_COUNTED, host_order(level), s->owner, &out->block);
	if (r == OUT_OF_MEMORY && level > 0) {
		level = 0;
		r = block_alloc(FRAME_COUNTED, 0, s->owner, &out->block);
	}
	if (r != OK)
		return r;
	pages_clear(out->block, host_order(level));
	out->level = level;
	out->ready = true;
	return OK;
}

/*
 * Will the page want memory? Where memory was wanted last, it most likely is again, and then one
 * look under the lock will do. A guess, made without the lock: it decides what is made ready, and
 * nothing else.
 */
static bool fresh_likely(const struct space *s, hva_t a)
{
	return !s->huge && atomic_load_explicit(&s->fresh_near, memory_order_relaxed) ==
				   a.v >> FRESH_NEAR_SHIFT;
}

static void fresh_guess(struct space *s, uint64_t near)
{
	if (atomic_load_explicit(&s->fresh_near, memory_order_relaxed) != near)
		atomic_store_explicit(&s->fresh_near, near, memory_order_relaxed);
}

/* Where the walk for the page has ended, under this lock. */
struct end {
	uint64_t *at, entry;
	unsigned level;
};

/* Nothing is there, of any size up to the block's: it takes that place. */
static enum result anon_install(struct space *s, const struct region *r, hva_t a, struct end end,
				struct fresh *f, struct host_found *out) REQUIRES(s->lock)
{
	uint64_t leaf = host_leaf(f->block, host_permissions(r->spec.permissions), MEM_WRITE_BACK);

	if (end.level == f->level) {
		host_fill(end.at, leaf);
	} else {
		enum result set =
			host_set(s->root, s->owner, leaf_range(a, f->level).start, f->level, leaf);
		if (set != OK)
			return set;
	}
	s->counted += UINT64_C(1) << host_order(f->level);
	if (!r->spec.share_zero)
		fresh_guess(s, a.v >> FRESH_NEAR_SHIFT);
	*out = (struct host_found){ leaf, f->level };
	f->ready = false;
	return OK;
}

/* A read of an untouched page of a share_zero region: the space's one frame of zeros. */
static enum result zeros_map(struct space *s, const struct region *r, hva_t a,
			     struct host_found *out) REQUIRES(s->lock)
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
	*out = (struct host_found){ leaf, 0 };
	if (set == OK)
		s->counted++;
	else
		frame_put(s->zeros);
	return set;
}

/* H6: the page becomes one of its own. The pfn changes, so it happens inside a notice (H5). */
static enum result shared_break(struct space *s, hva_t a, enum access access, bool in_turn,
				struct host_found *out)
{
	struct fresh own;
	struct notice n;
	enum result r = fresh_make(s, 0, &own);
	if (r != OK)
		return r;
	r = notice_begin(&n, &s->notifier, leaf_range(a, 0), in_turn ? NOTICE_NESTED : NOTICE_TRY);
	if (r == OK) {
		spin_lock(&s->lock);
		const struct region *region = region_find(s, a);
		uint64_t leaf = host_lookup(s->root, a, &out->level);
		if (region != NULL && leaf & HOST_SHARED &&
		    region->spec.permissions & (unsigned)access) {
			uint64_t flags = host_permissions(region->spec.permissions);
			out->leaf = host_leaf(own.block, flags, MEM_WRITE_BACK);
			r = host_set(s->root, s->owner, hva_page(a), 0, out->leaf);
			if (r == OK)
				frame_put(s->zeros);
		} else {
			r = RACED;
		}
		spin_unlock(&s->lock);
		notice_end(&n);
	}
	if (r != OK)
		frame_put(frame_of(own.block));
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

/* What a fault is, and what has been made ready for it. */
struct host_fault {
	hva_t a;
	enum access access;
	bool unshare;
	struct fresh fresh;
	/* What the look under the lock finds to be done without it, by the next look. */
	enum { NOTHING_MORE, MAKE_MEMORY, BREAK_SHARED } more;
	unsigned level; /* MAKE_MEMORY: so much at most */
};

/* An untouched page of an ANON region. */
static enum result anon_fault(struct space *s, const struct region *r, struct host_fault *f,
			      struct end end, struct host_found *out) REQUIRES(s->lock)
{
	if (r->spec.share_zero && f->access != ACCESS_WRITE && !f->unshare)
		return zeros_map(s, r, f->a, out);
	f->level = anon_level(s, r, f->a, end.level);
	if (f->fresh.ready) /* RACED: a smaller one stands in its place */
		return f->fresh.level > f->level ? RACED
						 : anon_install(s, r, f->a, end, &f->fresh, out);
	f->more = MAKE_MEMORY;
	return OK;
}

/* An entry of an ANON region that allows less than the region, which was widened after it was made.
 * The shared frame stays read-only. */
static enum result anon_widen(struct space *s, const struct region *r, hva_t a, struct end end)
	REQUIRES(s->lock)
{
	uint64_t more = host_permissions(r->spec.permissions) &
			(end.entry & HOST_SHARED ? ~HOST_WRITE : ~UINT64_C(0));

	return host_set(s->root, s->owner, leaf_range(a, end.level).start, end.level,
			end.entry | more);
}

/* Looks at the page under the lock, and does what can be done under it. */
static enum result fault_look(struct space *s, struct host_fault *f, struct host_found *out)
	REQUIRES(s->lock)
{
	const struct region *r = region_find(s, f->a);
	enum result result = OK;
	struct end end;

	f->more = NOTHING_MORE;
	if (r == NULL || !(r->spec.permissions & (unsigned)f->access))
		return r == NULL ? NO_REGION : NO_PERMISSION;
	end.at = host_walk(s->root, f->a, &end.level, &end.entry);
	if (end.entry == 0 && r->spec.kind == REGION_ANON)
		return anon_fault(s, r, f, end, out);
	if (end.entry & HOST_SHARED && (f->access == ACCESS_WRITE || f->unshare)) {
		f->more = BREAK_SHARED;
		return OK;
	}
	if (!host_allows(end.entry, f->access)) /* else somebody else was here */
		result = r->spec.kind == REGION_ANON ? anon_widen(s, r, f->a, end)
						     : raw_fault(s, r, f->a, f->access, end.entry);
	if (result == OK)
		out->leaf = host_lookup(s->root, f->a, &out->level);
	return result;
}

enum result space_fault(struct space *s, hva_t a, enum access access, bool unshare, bool in_turn,
			struct host_found *out)
{
	struct host_fault f = { .a = a, .access = access, .unshare = unshare };
	bool guessed = fresh_likely(s, a);
	enum result r = OK;

	if (guessed && fresh_make(s, 0, &f.fresh) != OK)
		guessed = false; /* if it wants memory indeed, that is said below */
	for (;;) {
		spin_lock(&s->lock);
		r = fault_look(s, &f, out);
		spin_unlock(&s->lock);
		if (f.more != MAKE_MEMORY)
			break;
		r = fresh_make(s, f.level, &f.fresh);
		if (r != OK)
			return r;
	}
	if (f.fresh.ready) {
		frame_put(frame_of(f.fresh.block));
		if (guessed)
			fresh_guess(s, FRESH_NOWHERE);
	}
	return f.more == BREAK_SHARED ? shared_break(s, a, access, in_turn, out) : r;
}
