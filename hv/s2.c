/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stage-2 walker. It knows trees, the architecture knows entries: levels, shifts and bits come
 * from arch_s2_geometry, every entry is made, read and written by arch_s2_*. The consumer's lock is
 * held by whoever writes; readers without it are in a grace section, and so are removers of tables
 * until they have flushed, so that no table page is handed out again before no walker can be in it
 * (S6).
 */
#include "hv/s2_tree.h"

#include <stddef.h>

#include "hv/explain.h"
#include "hv/sched.h"
#include "hv/shootdown.h"
#include "hv/trace.h"
#include "hv/vm.h"
#include "mm/block.h"
#include "mm/frame.h"
#include "mm/grace.h"

/* ---- Removing ----------------------------------------------------------------------------- */

/* What a removal has taken away: leaves, tables, and the gfns that must be flushed. */
struct removal {
	uint64_t leaves, tables;
	struct gfn_range gfns;
};

static void removal_widen(struct removal *out, gfn_t start, gfn_t end)
{
	if (start.v < out->gfns.start.v)
		out->gfns.start = start;
	if (end.v > out->gfns.end.v)
		out->gfns.end = end;
}

/* The leaves of level 0 in [at, end): each lies in the range whole. How many there were. */
static inline uint64_t pages_remove(struct s2 *s2, uint64_t *at, const uint64_t *end)
{
	uint64_t leaves = 0;

	for (; at < end; at++) {
		if (entry_load(at) == 0)
			continue;
		leaf_fold(arch_s2_decode(0, arch_s2_swap(at, 0, 0)));
		leaves++;
	}
	s2->leaves[0] -= leaves;
	return leaves;
}

/*
 * Removes the leaves of `range` in one table whose first entry is for `base`; tables wholly inside
 * go too.
 */
static void table_remove(struct s2 *s2, uint64_t *table, unsigned level, gfn_t base,
			 struct gfn_range range, struct removal *out)
{
	const unsigned shift = arch_s2_geometry->shift[level];
	const uint64_t size = level_pages(level);
	uint64_t i = range.start.v > base.v ? (range.start.v - base.v) >> shift : 0;
	uint64_t last = range.end.v > base.v ? (range.end.v - base.v + size - 1) >> shift : 0;

	if (last > table_entries(level))
		last = table_entries(level);
	if (level == 0) {
		out->leaves += pages_remove(s2, &table[i], &table[last]);
		return;
	}
	for (; i < last; i++) {
		struct s2_entry e = arch_s2_decode(level, entry_load(&table[i]));
		gfn_t start = gfn(base.v + i * size), end = gfn(start.v + size);
		if (e.kind == S2_LEAF) {
			leaf_remove(s2, &table[i], level);
			out->leaves++;
			removal_widen(out, start, end);
		} else if (e.kind == S2_TABLE) {
			table_remove(s2, mm_linear(e.pfn), e.below, start, range, out);
			if (start.v >= range.start.v && end.v <= range.end.v) {
				(void)arch_s2_swap(&table[i], level, 0);
				near_forget(s2);
				s2->tables--;
				out->tables++;
				grace_free_table(e.pfn, OWNER_HYPERVISOR);
			}
		}
	}
}

/* A table, and the gfn that its first entry is for. */
struct table {
	uint64_t *entries;
	unsigned level;
	gfn_t base;
};

/*
 * The lowest table that has all of the range, so that what is cut out for a page or two does not
 * come down from the root. Not one whose whole range it is: that table goes with its entries. One
 * of level 0 is at hand from then on.
 */
static __attribute__((noinline)) struct table table_around(struct s2 *s2, struct gfn_range range)
{
	struct table t = { root_of(s2), top_level(), gfn(0) };
	gfn_t last = gfn(range.end.v - 1);

	while (t.level > 0) {
		const unsigned shift = arch_s2_geometry->shift[t.level];
		uint64_t i = (range.start.v - t.base.v) >> shift;
		gfn_t first = gfn(t.base.v + (i << shift));
		if (last.v - first.v >= level_pages(t.level) ||
		    last.v - range.start.v == level_pages(t.level) - 1)
			return t;
		struct s2_entry e = arch_s2_decode(t.level, entry_load(&t.entries[i]));
		if (e.kind != S2_TABLE)
			return t;
		t = (struct table){ mm_linear(e.pfn), e.below, first };
	}
	s2->near[0] = (struct s2_near){ table_number(t.base, 0), t.entries };
	return t;
}

/* What is larger than a part of one table of level 0. */
static __attribute__((noinline)) uint64_t large_remove(struct s2 *s2, struct table t,
						       struct gfn_range range)
	REQUIRES(s2->consumer.lock)
{
	struct removal out = { 0, 0, range };

	grace_enter(); /* until the flush is over no table page given back here is freed (S6) */
	table_remove(s2, t.entries, t.level, t.base, range, &out);
	mm_step("s2_removed", s2);
	/* An empty table too: the processor's own walker may have cached the way to it (S6). */
	if (out.leaves != 0 || out.tables != 0)
		shootdown(s2, out.gfns);
	grace_leave();
	return out.leaves;
}

uint64_t s2_remove_locked(struct s2 *s2, struct gfn_range range)
{
	const uint64_t pages = range.end.v - range.start.v, entries = table_entries(0);

	if (table_number(range.start, 0) != s2->near[0].number ||
	    entry_index(0, range.start) + pages > entries || pages == entries) {
		struct table t = table_around(s2, range);
		if (t.level != 0)
			return large_remove(s2, t, range);
	}
	uint64_t *first = &s2->near[0].table[entry_index(0, range.start)];
	uint64_t leaves = pages_remove(s2, first, first + pages);

	mm_step("s2_removed", s2);
	if (leaves != 0)
		shootdown(s2, range);
	return leaves;
}

/* ---- Looking ------------------------------------------------------------------------------ */

unsigned s2_walk(struct s2 *s2, gfn_t n, struct s2_step steps[S2_MAX_LEVELS])
{
	const struct s2_geometry *g = arch_s2_geometry;
	const uint64_t *table = root_of(s2);
	unsigned count = 0, l = top_level();

	if (n.v >> (g->shift[top_level()] + g->bits[top_level()]) != 0) {
		steps[0] = (struct s2_step){ .level = top_level() }; /* no such address */
		return 1;
	}
	for (;;) {
		uint64_t raw = entry_load(&table[entry_index(l, n)]);
		struct s2_entry e = arch_s2_decode(l, raw);
		steps[count++] = (struct s2_step){ l, raw, e };
		if (e.kind != S2_TABLE)
			return count;
		table = mm_linear(e.pfn);
		l = e.below;
	}
}

struct s2_entry s2_lookup(struct s2 *s2, gfn_t n, unsigned *level)
{
	struct s2_step steps[S2_MAX_LEVELS];
	unsigned count = s2_walk(s2, n, steps);

	*level = steps[count - 1].level;
	return steps[count - 1].entry;
}

/* ---- The consumer of notices -------------------------------------------------------------- */

static struct s2 *s2_of(struct consumer *c)
{
	return (struct s2 *)((char *)c - offsetof(struct s2, consumer));
}

/* The gfns at which the slot shows a host range, all of which it shows; whole pages. */
static inline struct gfn_range slot_gfns(const struct slot *slot, struct hva_range range)
{
	uint64_t start = range.start.v - slot->hva.v, end = range.end.v - slot->hva.v;

	return (struct gfn_range){
		gfn(slot->gfns.start.v + (start >> PAGE_SHIFT)),
		gfn(slot->gfns.start.v + ((end + PAGE_MASK) >> PAGE_SHIFT)),
	};
}

static struct hva_range intersection(struct hva_range a, struct hva_range b)
{
	return (struct hva_range){ a.start.v > b.start.v ? a.start : b.start,
				   a.end.v < b.end.v ? a.end : b.end };
}

/* log2 of the least power of two that is not less than `pages`. */
static unsigned order_above(uint64_t pages)
{
	return pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
}

static __attribute__((noinline)) enum result notice_say(struct vm *vm, struct hva_range range,
							uint64_t removed)
{
	explain_notice(vm, range, removed);
	return OK;
}

/* The notice over a range of 2^order pages, rounded up, has removed so many leaves. */
static inline enum result notice_note(struct vm *vm, struct hva_range range, unsigned order,
				      uint64_t removed)
{
	trace(TRACE_NOTICE, vm->id, gfn(range.start.v >> PAGE_SHIFT), pfn(removed), FRAME_FREE,
	      order, OK);
	return __builtin_expect(explain_is_on(), 0) ? notice_say(vm, range, removed) : OK;
}

/* Where any number of memslots may show the range, or some of it. */
static __attribute__((noinline)) enum result invalidate_shown(struct s2 *s2, struct hva_range range,
							      const struct slot_table *t)
	REQUIRES(s2->consumer.lock)
{
	uint64_t removed = 0, pages = (range.end.v - range.start.v) >> PAGE_SHIFT;
	uint32_t at = 0;
	const struct slot *s = t != NULL ? slot_showing(t, range, &at) : NULL;

	for (; s != NULL; s = slot_showing(t, range, &at))
		removed += s2_remove_locked(s2, slot_gfns(s, intersection(range, slot_hvas(s))));
	return notice_note(s2->vm, range, order_above(pages), removed);
}

/* A page's leaf is removed; other CPUs may be in the guest, and the flush does not reach them. */
static __attribute__((noinline)) enum result invalidate_inside(struct s2 *s2,
							       struct hva_range range)
	REQUIRES(s2->consumer.lock)
{
	shootdown_inside(s2);
	return notice_note(s2->vm, range, 0, 1);
}

/*
 * N4 (3): every place where a memslot shows the range. The table of memslots can neither change nor
 * go while the notice is active (N4 (1)), so no read section is needed. Most notices are about one
 * page, which one memslot shows by the table at hand: that is done here, and everything else is
 * the end of this function, so that nothing need be kept for later.
 */
static enum result s2_invalidate(struct consumer *c, struct hva_range range, enum notice_mode mode)
	NO_LOCK_ANALYSIS /* the caller holds c->lock, which is s2->consumer.lock under another name
			  */
{
	struct s2 *s2 = s2_of(c);
	uint64_t removed = 0;

	(void)mode;
	const struct slot_table *t = atomic_load_explicit(&s2->vm->slots, memory_order_acquire);
	const struct slot *near = t != NULL ? slot_near(t, range) : NULL;
	if (near == NULL || (range.start.v ^ (range.end.v - 1)) >= PAGE_SIZE)
		return invalidate_shown(s2, range, t);
	gfn_t n = gfn(near->gfns.start.v + ((range.start.v - near->hva.v) >> PAGE_SHIFT));
	if (table_number(n, 0) != s2->near[0].number)
		return invalidate_shown(s2, range, t);
	uint64_t *at = &s2->near[0].table[entry_index(0, n)];
	if (entry_load(at) != 0) {
		leaf_remove(s2, at, 0);
		mm_step("s2_removed", s2);
		if (!shootdown_flush(s2, (struct gfn_range){ n, gfn(n.v + 1) }))
			return invalidate_inside(s2, range);
		removed = 1;
	}
	return notice_note(s2->vm, range, 0, removed);
}

static void s2_released(struct consumer *c)
{
	sched_wake_waiting(s2_of(c)->vm);
}

static bool table_reaches(const uint64_t *table, unsigned level, pfn_t first, uint64_t count)
{
	for (unsigned i = 0; i < table_entries(level); i++) {
		struct s2_entry e = arch_s2_decode(level, entry_load(&table[i]));
		if (e.kind == S2_TABLE && table_reaches(mm_linear(e.pfn), e.below, first, count))
			return true;
		if (e.kind == S2_LEAF && e.pfn.v < first.v + count &&
		    first.v < e.pfn.v + level_pages(level))
			return true;
	}
	return false;
}

static bool s2_reaches(struct consumer *c, pfn_t first, uint64_t count)
{
	grace_enter();
	bool found = table_reaches(root_of(s2_of(c)), top_level(), first, count);
	grace_leave();
	return found;
}

static const struct consumer_ops s2_consumer_ops = {
	.name = "stage-2",
	.invalidate = s2_invalidate,
	.released = s2_released,
	.reaches = s2_reaches,
};

enum result s2_create(struct s2 *s2, struct vm *vm)
{
	unsigned order = arch_s2_geometry->root_order;
	enum result r = block_alloc(FRAME_TABLE, order, OWNER_HYPERVISOR, &s2->root);
	if (r != OK)
		return r;
	for (unsigned i = 0; i < 1u << order; i++)
		arch_page_clear(mm_linear(pfn(s2->root.v + i)));
	s2->vm = vm;
	near_forget(s2);
	r = arch_s2_create(&s2->arch, pfn_to_hpa(s2->root));
	if (r == OK) {
		r = consumer_register(&s2->consumer, &vm->space.notifier, &s2_consumer_ops,
				      CONSUMER_TABLE);
		if (r != OK)
			arch_s2_destroy(&s2->arch);
	}
	if (r != OK) {
		enum result freed = block_free(s2->root, order, OWNER_HYPERVISOR);
		MM_CHECK(freed == OK);
	}
	return r;
}

enum result s2_destroy(struct s2 *s2)
{
	const struct s2_geometry *g = arch_s2_geometry;
	uint64_t pages = UINT64_C(1) << (g->shift[g->levels - 1] + g->bits[g->levels - 1]);

	spin_lock(&s2->consumer.lock);
	(void)s2_remove_locked(s2, (struct gfn_range){ gfn(0), gfn(pages) });
	spin_unlock(&s2->consumer.lock);
	enum result r = consumer_unregister(&s2->consumer);
	if (r != OK)
		return r;
	grace_drain(); /* who still reads the tree without a lock leaves it (S6) */
	arch_s2_destroy(&s2->arch);
	r = block_free(s2->root, g->root_order, OWNER_HYPERVISOR);
	MM_CHECK(r == OK);
	return OK;
}
