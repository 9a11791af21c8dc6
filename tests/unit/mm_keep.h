/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who keeps translations in the random test: a consumer as a stage-2 is one, with a count of its
 * translations for each frame, and two pfn caches; and what the model knows of open notices. The
 * census asks both at each frame that becomes free (I2, F8); check_kept and check_caches compare
 * them with the model (I3, H5, N5).
 */
#ifndef TESTS_UNIT_MM_KEEP_H
#define TESTS_UNIT_MM_KEEP_H

#include "mm/pfn_cache.h"
#include "tests/unit/mm_model.h"

/* ---- The consumer ------------------------------------------------------------------------- */

static struct translations {
	struct consumer consumer; /* its lock guards what follows */
	bool refuse;
	struct kept pages[PAGES];
	uint32_t reach[RAM_PAGES]; /* translations of each frame */
} vm;

static inline uint32_t *reach_of(pfn_t n)
{
	return n.v - WORLD_FIRST < RAM_PAGES ? &vm.reach[n.v - WORLD_FIRST] : NULL;
}

static inline void forget(struct kept *k)
{
	if (!k->there)
		return;
	if (k->counted) /* F7: it must be alive still, which frame_mark asserts (I4) */
		frame_mark(frame_of(k->pfn), FRAME_YOUNG | (k->writable ? FRAME_DIRTY : 0));
	if (reach_of(k->pfn) != NULL)
		--*reach_of(k->pfn);
	k->there = false;
}

static inline void keep_page(struct kept *k, const struct follow_answer *a)
{
	forget(k);
	*k = (struct kept){ true, a->writable, a->class == FRAME_COUNTED, a->pfn };
	if (reach_of(k->pfn) != NULL)
		++*reach_of(k->pfn);
}

/* What is in the window, as page numbers. */
static inline void clip(struct hva_range range, unsigned *first, unsigned *end)
{
	uint64_t top = BASE + PAGES * PAGE_SIZE;
	uint64_t low = range.start.v < BASE ? BASE : range.start.v;
	uint64_t high = range.end.v > top ? top : range.end.v;
	*first = low < high ? (unsigned)((low - BASE) >> PAGE_SHIFT) : 0;
	*end = low < high ? (unsigned)((high - BASE) >> PAGE_SHIFT) : 0;
}

static inline enum result vm_invalidate(struct consumer *c, struct hva_range range,
					enum notice_mode mode)
{
	unsigned first, end;
	(void)c;
	if (mode == NOTICE_TRY && vm.refuse)
		return WOULD_SLEEP;
	clip(range, &first, &end);
	for (unsigned p = first; p < end; p++)
		forget(&vm.pages[p]);
	return OK;
}

static const struct consumer_ops vm_ops = { .name = "vm", .invalidate = vm_invalidate };

static struct pfn_cache caches[2];

static unsigned cache_page(const struct pfn_cache *pc)
{
	return (unsigned)((pc->page.v - BASE) >> PAGE_SHIFT);
}

/* I2, F8: nobody reaches what becomes free. */
static inline void census(pfn_t first, uint64_t count)
{
	for (uint64_t n = first.v; n < first.v + count; n++)
		if (vm.reach[n - WORLD_FIRST] != 0)
			mm_broken(__FILE__, __LINE__, "census: a translation reaches a free frame");
	for (unsigned i = 0; i < 2; i++)
		if (caches[i].kept - first.v < count)
			mm_broken(__FILE__, __LINE__, "census: a pfn cache reaches a free frame");
}

/* ---- Notices, as the model knows them ----------------------------------------------------- */

static struct notice open_notices[2];
static unsigned open_count;
static unsigned hull_first, hull_end;

static inline void hull_begin(unsigned first, unsigned end, bool nested)
{
	if (!nested || first < hull_first)
		hull_first = first;
	if (!nested || end > hull_end)
		hull_end = end;
}

/* I3: nothing is established where a notice is open; H5: nothing outlives what it was made from. */
static inline void check_kept(unsigned p)
{
	const struct kept *k = &vm.pages[p];
	if (!k->there)
		return;
	if (model[p].entry == 0 || model[p].pfn != k->pfn.v)
		model_fail(p, "a translation of what is no longer there");
	if (k->writable && !(model[p].entry & HOST_WRITE))
		model_fail(p, "a translation that may write more than the host");
	for (unsigned i = 0; i < open_count; i++)
		if (hva_range_covers(open_notices[i].range, page_hva(p)))
			model_fail(p, "a translation inside an open notice");
}

static inline void check_caches(void)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned p = cache_page(&caches[i]);
		if (caches[i].kept == PFN_CACHE_NOTHING)
			continue;
		if (model[p].entry == 0 || model[p].pfn != caches[i].kept)
			model_fail(p, "a pfn cache keeps what is no longer there");
		for (unsigned k = 0; k < open_count; k++)
			if (hva_range_covers(open_notices[k].range, page_hva(p)))
				model_fail(p,
					   "a pfn cache keeps a page inside an open notice (N5)");
	}
}

static inline void check_touched(unsigned first, unsigned end)
{
	check_range(first, end);
	for (unsigned p = first; p < end; p++)
		check_kept(p);
	check_caches();
}

#endif
