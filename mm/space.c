/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host spaces: the regions, and the ways to change them. Every change has the same shape: begin a
 * notice, lock, check and prepare whatever may fail, change what cannot fail, unlock, end the
 * notice. The fault handler of a space is in mm/host_fault.c.
 */
#include "mm/space.h"

#include <stddef.h>
#include <string.h>

#include "mm/block.h"
#include "mm/grace.h"
#include "mm/host_fault.h"
#include "mm/host_table.h"

#define REGION_LIMIT 65536u
#define PERMISSIONS ((unsigned)ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC)

static uint32_t room_of(unsigned order)
{
	return (uint32_t)((PAGE_SIZE << order) / sizeof(struct region));
}

enum result space_create(struct space *s, bool huge)
{
	owner_t owner = owner_new();
	pfn_t root, regions;

	enum result r = block_alloc(FRAME_TABLE, 0, owner, &root);
	if (r != OK)
		return r;
	r = block_alloc(FRAME_TABLE, 0, owner, &regions);
	if (r != OK) {
		enum result freed = block_free(root, 0, owner);
		MM_CHECK(freed == OK);
		return r;
	}
	memset(s, 0, sizeof(*s));
	s->root = mm_linear(root);
	memset(s->root, 0, PAGE_SIZE);
	s->root_page = root;
	s->regions = mm_linear(regions);
	s->region_block = regions;
	s->region_room = room_of(0);
	s->owner = owner;
	s->huge = huge;
	atomic_init(&s->fresh_near, UINT64_MAX); /* nowhere */
	return OK;
}

static void block_give_back(struct space *s, pfn_t first, unsigned order)
{
	enum result r = block_free(first, order, s->owner);
	MM_CHECK(r == OK);
}

void space_destroy(struct space *s)
{
	MM_ASSERT(s->notifier.consumers == NULL);
	struct hva_range all = hva_range(hva(0), UINT64_C(1) << SPACE_BITS);
	(void)host_clear(s->root, s->owner, all);
	if (s->zeros != NULL)
		frame_put(s->zeros);
	block_give_back(s, s->region_block, s->region_order);
	grace_free_table(s->root_page, s->owner);
	memset(s, 0, sizeof(*s));
}

/* ---- The array of regions; the space's lock is held --------------------------------------- */

/* Index of the first region that ends after `a`. */
static uint32_t region_after(const struct space *s, hva_t a)
{
	uint32_t low = 0, high = s->region_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (s->regions[middle].range.end.v <= a.v)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct region *region_find(struct space *s, hva_t a)
{
	uint32_t i = s->region_near;

	if (i < s->region_count && hva_range_covers(s->regions[i].range, a))
		return &s->regions[i];
	i = region_after(s, a);
	if (i >= s->region_count || !hva_range_covers(s->regions[i].range, a))
		return NULL;
	s->region_near = i;
	return &s->regions[i];
}

/* Room for `more` regions, so that inserting them cannot fail. */
static enum result region_reserve(struct space *s, uint32_t more)
{
	unsigned order = s->region_order;
	pfn_t block;

	if (s->region_count + more <= s->region_room)
		return OK;
	while (room_of(order) < s->region_count + more)
		order++;
	if (s->region_count + more > REGION_LIMIT)
		return OUT_OF_MEMORY;
	enum result r = block_alloc(FRAME_TABLE, order, s->owner, &block);
	if (r != OK)
		return r;
	memcpy(mm_linear(block), s->regions, s->region_count * sizeof(*s->regions));
	block_give_back(s, s->region_block, s->region_order);
	s->regions = mm_linear(block);
	s->region_block = block;
	s->region_order = order;
	s->region_room = room_of(order) < REGION_LIMIT ? room_of(order) : REGION_LIMIT;
	return OK;
}

static void region_insert(struct space *s, const struct region *new)
{
	uint32_t i = region_after(s, new->range.start);

	MM_ASSERT(s->region_count < s->region_room);
	memmove(&s->regions[i + 1], &s->regions[i], (s->region_count - i) * sizeof(*new));
	s->regions[i] = *new;
	s->region_count++;
}

/* Cuts the region that straddles `a` in two. There must be room for one more. */
static void region_cut(struct space *s, hva_t a)
{
	struct region *r = region_find(s, a);

	if (r == NULL || r->range.start.v == a.v)
		return;
	struct region upper = *r;
	upper.range.start = a;
	upper.spec.offset += a.v - r->range.start.v;
	r->range.end = a;
	region_insert(s, &upper);
}

/* How many regions more there are when it has been cut at both ends of the range. */
static uint32_t region_cuts(struct space *s, struct hva_range range)
{
	const struct region *low = region_find(s, range.start), *high = region_find(s, range.end);

	return (low != NULL && low->range.start.v != range.start.v ? 1u : 0u) +
	       (high != NULL && high->range.start.v != range.end.v ? 1u : 0u);
}

/* Takes the regions of the range out of the array; cut at its ends before. */
static void region_remove(struct space *s, struct hva_range range)
{
	uint32_t first = region_after(s, range.start), end = first;

	while (end < s->region_count && s->regions[end].range.start.v < range.end.v)
		end++;
	memmove(&s->regions[first], &s->regions[end],
		(s->region_count - end) * sizeof(*s->regions));
	s->region_count -= end - first;
}

static bool region_overlaps_any(const struct space *s, struct hva_range range)
{
	uint32_t i = region_after(s, range.start);
	return i < s->region_count && s->regions[i].range.start.v < range.end.v;
}

/* Is every page of the range in some region? */
static bool region_covers(const struct space *s, struct hva_range range)
{
	uint32_t i = region_after(s, range.start);
	hva_t at = range.start;

	for (; i < s->region_count && at.v < range.end.v; i++) {
		if (s->regions[i].range.start.v > at.v)
			return false;
		at = s->regions[i].range.end;
	}
	return at.v >= range.end.v;
}

/* ---- Changes ------------------------------------------------------------------------------ */

static enum result range_check(struct hva_range r)
{
	if ((r.start.v | r.end.v) & PAGE_MASK)
		return BAD_ALIGNMENT;
	if (r.start.v >= r.end.v || r.end.v > UINT64_C(1) << SPACE_BITS)
		return BAD_ARGUMENT;
	return OK;
}

static enum result spec_check(const struct region_spec *spec)
{
	bool raw = spec->kind == REGION_PFNMAP || spec->kind == REGION_MIXED;

	if (spec->kind == REGION_GUEST)
		return UNSUPPORTED;
	if (spec->kind != REGION_ANON && !raw)
		return BAD_ARGUMENT;
	if ((raw && (spec->ops == NULL || spec->ops->fault == NULL)) || (spec->offset & PAGE_MASK))
		return BAD_ARGUMENT;
	if (!(spec->permissions & ACCESS_READ) || (spec->permissions & ~PERMISSIONS))
		return BAD_ARGUMENT; /* a leaf of stage-2 can always be read */
	if ((unsigned)spec->type > MEM_DEVICE)
		return BAD_ARGUMENT;
	if (spec->type != MEM_WRITE_BACK && (spec->permissions & ACCESS_EXEC || !raw))
		return BAD_ARGUMENT; /* H2 */
	return OK;
}

enum result space_map(struct space *s, struct hva_range range, const struct region_spec *spec)
{
	enum result r = range_check(range);
	if (r == OK)
		r = spec_check(spec);
	if (r != OK)
		return r;
	spin_lock(&s->lock);
	r = region_overlaps_any(s, range) ? OVERLAPS : region_reserve(s, 1);
	if (r == OK)
		region_insert(s, &(struct region){ range, *spec });
	spin_unlock(&s->lock);
	return r;
}

/* Splits what straddles the ends, then removes the entries. The lock is held, a notice covers the
 * range. */
static enum result clear_locked(struct space *s, struct hva_range range) REQUIRES(s->lock)
{
	enum result r = host_split_at(s->root, s->owner, range.start, 1);
	if (r == OK)
		r = host_split_at(s->root, s->owner, range.end, 1);
	if (r == OK)
		s->counted -= host_clear(s->root, s->owner, range);
	return r;
}

enum result space_clear(struct space *s, const struct notice *n, struct hva_range range)
{
	enum result r = range_check(range);
	if (r != OK)
		return r;
	MM_ASSERT(n->notifier == &s->notifier && notice_covers(n, range)); /* H5 */
	(void)n;
	spin_lock(&s->lock);
	r = clear_locked(s, range);
	spin_unlock(&s->lock);
	return r;
}

static enum result change_begin(struct space *s, struct hva_range range, enum notice_mode mode,
				struct notice *n)
{
	enum result r = range_check(range);
	return r == OK ? notice_begin(n, &s->notifier, range, mode) : r;
}

enum result space_drop(struct space *s, struct hva_range range, enum notice_mode mode)
{
	struct notice n;
	enum result r = change_begin(s, range, mode, &n);
	if (r != OK)
		return r;
	r = space_clear(s, &n, range);
	notice_end(&n);
	return r;
}

enum result space_unmap(struct space *s, struct hva_range range, enum notice_mode mode)
{
	struct notice n;
	enum result r = change_begin(s, range, mode, &n);
	if (r != OK)
		return r;
	spin_lock(&s->lock);
	r = region_reserve(s, region_cuts(s, range));
	if (r == OK)
		r = clear_locked(s, range);
	if (r == OK) {
		region_cut(s, range.start);
		region_cut(s, range.end);
		region_remove(s, range);
	}
	spin_unlock(&s->lock);
	notice_end(&n);
	return r;
}

/* Narrows the entries of the range to the permissions; what is widened is widened by faults. */
static void entries_narrow(struct space *s, struct hva_range range, unsigned permissions)
{
	uint64_t forbidden = (HOST_READ | HOST_WRITE | HOST_EXEC) & ~host_permissions(permissions),
		 *entry;
	unsigned level;
	hva_t at = range.start;

	while (host_next(s->root, at, range.end, &at, &level, &entry)) {
		uint64_t old =
			atomic_load_explicit((_Atomic uint64_t *)entry, memory_order_relaxed);
		atomic_store_explicit((_Atomic uint64_t *)entry, old & ~forbidden,
				      memory_order_release);
		at = hva(at.v + (PAGE_SIZE << host_order(level)));
	}
}

static enum result protect_check(struct space *s, struct hva_range range, unsigned permissions)
{
	if (!region_covers(s, range))
		return NO_REGION;
	uint32_t i = region_after(s, range.start);
	for (; i < s->region_count && s->regions[i].range.start.v < range.end.v; i++) {
		struct region_spec spec = s->regions[i].spec;
		if (permissions == 0) /* no access at all is allowed here, not in space_map */
			break;
		spec.permissions = permissions;
		enum result r = spec_check(&spec);
		if (r != OK)
			return r;
	}
	return OK;
}

enum result space_protect(struct space *s, struct hva_range range, unsigned permissions,
			  enum notice_mode mode)
{
	struct notice n;
	enum result r = change_begin(s, range, mode, &n);
	if (r != OK)
		return r;
	spin_lock(&s->lock);
	r = protect_check(s, range, permissions);
	if (r == OK)
		r = region_reserve(s, region_cuts(s, range));
	if (r == OK)
		r = host_split_at(s->root, s->owner, range.start, 1);
	if (r == OK)
		r = host_split_at(s->root, s->owner, range.end, 1);
	if (r == OK) {
		region_cut(s, range.start);
		region_cut(s, range.end);
		uint32_t i = region_after(s, range.start);
		for (; i < s->region_count && s->regions[i].range.start.v < range.end.v; i++)
			s->regions[i].spec.permissions = permissions;
		entries_narrow(s, range, permissions);
	}
	spin_unlock(&s->lock);
	notice_end(&n);
	return r;
}

/* Leaves fit at the new place, and have tables there: after this moving them cannot fail. */
static enum result move_prepare(struct space *s, struct hva_range range, uint64_t delta)
{
	hva_t at = range.start;
	unsigned level;
	uint64_t *entry;

	while (host_next(s->root, at, range.end, &at, &level, &entry)) {
		uint64_t size = PAGE_SIZE << host_order(level);
		bool fits = (delta & (size - 1)) == 0;
		enum result r = fits ? host_prepare(s->root, s->owner, hva(at.v + delta), level)
				     : host_split_down(s->root, s->owner, at, level - 1);
		if (r != OK)
			return r;
		if (fits)
			at = hva(at.v + size);
	}
	return OK;
}

static void move_commit(struct space *s, struct hva_range range, uint64_t delta)
{
	hva_t at = range.start;
	unsigned level;
	uint64_t *entry;

	while (host_next(s->root, at, range.end, &at, &level, &entry)) {
		uint64_t leaf =
			atomic_load_explicit((_Atomic uint64_t *)entry, memory_order_relaxed);
		atomic_store_explicit((_Atomic uint64_t *)entry, 0, memory_order_release);
		enum result r = host_set(s->root, s->owner, hva(at.v + delta), level, leaf);
		MM_CHECK(r == OK); /* move_prepare made the tables */
		at = hva(at.v + (PAGE_SIZE << host_order(level)));
	}
}

static enum result move_check(struct space *s, struct hva_range range, struct hva_range target)
{
	const struct region *from = region_find(s, range.start);

	if (from == NULL || !region_covers(s, range))
		return NO_REGION;
	if (from->range.end.v < range.end.v)
		return BAD_ARGUMENT;
	return region_overlaps_any(s, target) ? OVERLAPS : OK;
}

enum result space_move(struct space *s, struct hva_range range, hva_t to, enum notice_mode mode)
{
	struct hva_range target = hva_range(to, range.end.v - range.start.v);
	struct notice n;
	enum result r = range_check(target);
	if (r == OK)
		r = change_begin(s, range, mode, &n);
	if (r != OK)
		return r;
	/* Nothing is mapped at the target, so no consumer can have anything of it: one notice is
	 * enough. */
	spin_lock(&s->lock);
	r = move_check(s, range, target);
	if (r == OK)
		r = region_reserve(s, region_cuts(s, range));
	if (r == OK)
		r = host_split_at(s->root, s->owner, range.start, 1);
	if (r == OK)
		r = host_split_at(s->root, s->owner, range.end, 1);
	if (r == OK)
		r = move_prepare(s, range, to.v - range.start.v);
	if (r == OK) {
		region_cut(s, range.start);
		region_cut(s, range.end);
		struct region moved = *region_find(s, range.start);
		region_remove(s, range);
		moved.range = target;
		region_insert(s, &moved);
		move_commit(s, range, to.v - range.start.v);
	}
	spin_unlock(&s->lock);
	notice_end(&n);
	return r;
}

/* ---- Looking ------------------------------------------------------------------------------ */

enum result space_find_room(struct space *s, uint64_t bytes, uint64_t align, hva_t *out)
{
	uint64_t at = UINT64_C(1) << 32, limit = UINT64_C(1) << SPACE_BITS;
	enum result r = NOT_FOUND;

	if (bytes == 0 || bytes > limit || align < PAGE_SIZE || (align & (align - 1)))
		return BAD_ARGUMENT;
	at = (at + align - 1) & ~(align - 1);
	spin_lock(&s->lock);
	for (uint32_t i = region_after(s, hva(at)); i < s->region_count; i++) {
		if (s->regions[i].range.start.v >= at + bytes)
			break;
		at = (s->regions[i].range.end.v + align - 1) & ~(align - 1);
	}
	spin_unlock(&s->lock);
	if (at + bytes <= limit) {
		*out = hva(at);
		r = OK;
	}
	return r;
}

bool space_region_at(struct space *s, hva_t a, struct region *out)
{
	spin_lock(&s->lock);
	const struct region *r = region_find(s, a);
	if (r != NULL)
		*out = *r;
	spin_unlock(&s->lock);
	return r != NULL;
}

bool space_reaches(struct space *s, pfn_t first, uint64_t count)
{
	hva_t at = hva(0), end = hva(UINT64_C(1) << SPACE_BITS);
	unsigned level;
	uint64_t *entry;

	bool found = false;

	grace_enter();
	while (!found && host_next(s->root, at, end, &at, &level, &entry)) {
		uint64_t pages = UINT64_C(1) << host_order(level);
		/* relaxed: whose frame was freed has removed its entry before. A raw pfn counts as
		 * well: it must be gone before its owner frees what is behind it. */
		uint64_t leaf =
			atomic_load_explicit((_Atomic uint64_t *)entry, memory_order_relaxed);
		uint64_t n = host_pfn(leaf).v;
		found = leaf != 0 && n < first.v + count && first.v < n + pages;
		at = hva(at.v + (pages << PAGE_SHIFT));
	}
	grace_leave();
	return found;
}
