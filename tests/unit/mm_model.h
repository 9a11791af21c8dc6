/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A naive model of a host space: one record for each page of a window, changed one page at a time.
 * It predicts what an operation answers and what it makes; where mm/ may choose (how large a leaf
 * becomes) it takes mm/'s choice and checks that it was one of the allowed ones. model_check
 * compares everything: entries, permissions, content, counts (I1), the lists of frames (I5).
 */
#ifndef TESTS_UNIT_MM_MODEL_H
#define TESTS_UNIT_MM_MODEL_H

#include "tests/unit/world.h"

#define PAGES 2048u
#define RAM_PAGES UINT64_C(6144)
#define SOURCES 5u
#define PINS 64u

/* Where PFNMAP and MIXED regions get their pages. */
struct source {
	enum { SOURCE_DEVICE, SOURCE_POOL, SOURCE_MIXED } kind;
	unsigned order;	      /* of the pool's block, and of what is answered */
	unsigned write_order; /* what is answered to a write */
	pfn_t first;
	bool read_only_first, gone;
	pfn_t frames[64]; /* MIXED: even pages are these, odd ones a device's */
};

static struct source sources[SOURCES];

struct model_page {
	uint32_t region; /* 0: none; a number for each region */
	uint8_t kind, permissions, type, source;
	bool zeros;
	uint32_t offset; /* of the page, in its source */
	uint64_t entry;	 /* flags of the host entry, 0: none */
	uint64_t pfn;
	uint32_t tag; /* what was written into an ANON page of its own when it came */
};

static struct model_page model[PAGES];
static uint32_t model_regions, model_tags;
static pfn_t pins[PINS];
static unsigned pin_count;
static const char *doing; /* for messages */

#define ENTRY_FLAGS \
	(HOST_PRESENT | HOST_READ | HOST_WRITE | HOST_EXEC | HOST_SPECIAL | HOST_RAM | HOST_SHARED)

static inline hva_t page_hva(unsigned p)
{
	return hva(BASE + p * PAGE_SIZE);
}

#define model_fail(p, words)                                                 \
	fail_msg("%s: page %u: %s (entry %#llx pfn %#llx)", doing, p, words, \
		 (unsigned long long)model[p].entry, (unsigned long long)model[p].pfn)

/* ---- Sources ------------------------------------------------------------------------------ */

static inline uint64_t source_pages(const struct source *s)
{
	return s->kind == SOURCE_DEVICE ? 4096 : s->kind == SOURCE_MIXED ? 64 : 1u << s->order;
}

/* What the source says of a page; the only place that decides it, for mm/ and for the model. */
static inline enum result source_answer(const struct source *s, uint64_t page, enum access access,
					struct region_backing *out)
{
	if (s->gone || page >= source_pages(s))
		return NO_BACKING;
	out->pfn = pfn(s->first.v + page);
	out->order = access == ACCESS_WRITE ? s->write_order : s->order;
	out->counted = s->kind == SOURCE_MIXED && page % 2 == 0;
	if (out->counted)
		out->pfn = s->frames[page];
	out->writable = !s->read_only_first || access == ACCESS_WRITE;
	return OK;
}

static inline enum result source_fault(void *owner, uint64_t offset, enum access access,
				       struct region_backing *out)
{
	enum result r = source_answer(owner, offset >> PAGE_SHIFT, access, out);
	if (r == OK && out->counted && !frame_try_get(frame_of(out->pfn)))
		mm_broken(__FILE__, __LINE__, "a source's own frame is not held");
	return r;
}

static const struct region_ops source_ops = { "source", source_fault };

/* ---- What a host fault does --------------------------------------------------------------- */

enum effect { EFFECT_NONE, EFFECT_MADE, EFFECT_WIDENED, EFFECT_BROKEN };

/* The answer of space_fault, if memory and notices allow, and what it changes. */
static inline enum result predict_fault(unsigned p, enum access access, bool unshare,
					enum effect *effect)
{
	const struct model_page *m = &model[p];
	struct region_backing b;

	*effect = EFFECT_NONE;
	if (m->region == 0)
		return NO_REGION;
	if (!(m->permissions & access))
		return NO_PERMISSION;
	if (m->entry & HOST_SHARED && (access == ACCESS_WRITE || unshare)) {
		*effect = EFFECT_BROKEN;
		return OK;
	}
	if (host_allows(m->entry, access))
		return OK;
	if (m->kind != REGION_ANON) {
		enum result r = source_answer(&sources[m->source], m->offset, access, &b);
		if (r != OK)
			return r;
		if (access == ACCESS_WRITE && !b.writable)
			return NO_PERMISSION;
	}
	*effect = m->entry != 0 ? EFFECT_WIDENED : EFFECT_MADE;
	return OK;
}

static inline uint32_t *page_word(pfn_t n)
{
	return mm_linear(n);
}

static inline void tag_page(unsigned p, pfn_t n)
{
	if (*page_word(n) != 0)
		model_fail(p, "a fresh page that is not zero");
	model[p].tag = ++model_tags;
	*page_word(n) = model[p].tag;
}

/* The flags that a source's answer gives. */
static inline uint64_t raw_entry(const struct model_page *m, const struct region_backing *b)
{
	uint64_t flags = HOST_PRESENT | host_permissions(m->permissions);
	if (!b->writable)
		flags &= ~HOST_WRITE;
	if (m->kind == REGION_MIXED && b->counted)
		return flags;
	return flags | HOST_SPECIAL | (frame_of(b->pfn) != NULL ? HOST_RAM : 0);
}

static inline void absorb_made(unsigned p, unsigned q, enum access access, bool unshare, pfn_t n,
			       unsigned level)
{
	struct model_page *m = &model[q];
	struct region_backing b;

	if (m->entry != 0 || m->region != model[p].region)
		model_fail(q, "covered by a leaf that was made for its neighbour");
	m->pfn = n.v;
	m->entry = HOST_PRESENT | host_permissions(m->permissions);
	if (m->kind != REGION_ANON) {
		assert_int_equal(source_answer(&sources[m->source], m->offset, access, &b), OK);
		if (b.pfn.v != n.v || host_order(level) > b.order)
			model_fail(q, "not what its source has answered");
		m->entry = raw_entry(m, &b);
	} else if (m->zeros && access != ACCESS_WRITE && !unshare) {
		if (level != 0 || n.v != frame_pfn(world.space.zeros).v)
			model_fail(q, "not the shared page");
		m->entry = (m->entry & ~HOST_WRITE) | HOST_SHARED;
		m->tag = 0;
	} else {
		tag_page(q, n);
	}
}

static inline void absorb_widened(unsigned p, unsigned q, enum access access, unsigned level)
{
	struct model_page *m = &model[q];
	struct region_backing b;

	if (m->entry == 0)
		model_fail(q, "a permission was widened where nothing was");
	if (m->kind == REGION_ANON) {
		m->entry |= host_permissions(m->permissions);
		if (m->entry & HOST_SHARED)
			m->entry &= ~HOST_WRITE;
		return;
	}
	assert_int_equal(source_answer(&sources[m->source], model[p].offset, access, &b), OK);
	if (host_order(level) > b.order)
		model_fail(q, "more was widened than its source has granted");
	m->entry |= raw_entry(m, &b);
}

/* Takes over what a fault at `p` has made. */
static inline void absorb(unsigned p, enum access access, bool unshare, enum effect effect)
{
	unsigned level;
	uint64_t leaf = leaf_at(page_hva(p), &level);

	if (effect == EFFECT_NONE)
		return;
	if (leaf == 0)
		model_fail(p, "nothing came of a fault");
	unsigned size = 1u << host_order(level), first = p & ~(size - 1);
	if (effect == EFFECT_BROKEN) {
		pfn_t n = host_pfn(leaf);
		if (level != 0 || n.v == model[p].pfn)
			model_fail(p, "the shared page was not broken");
		model[p].pfn = n.v;
		model[p].entry = HOST_PRESENT | host_permissions(model[p].permissions);
		tag_page(p, n);
		return;
	}
	for (unsigned q = first; q < first + size; q++) {
		if (effect == EFFECT_MADE)
			absorb_made(p, q, access, unshare, host_pfn_at(leaf, level, page_hva(q)),
				    level);
		else
			absorb_widened(p, q, access, level);
	}
}

/* ---- Regions ------------------------------------------------------------------------------ */

/* The region over the boundary before `p` is two from now on. */
static inline void model_cut(unsigned p)
{
	if (p == 0 || p >= PAGES || model[p].region == 0 || model[p - 1].region != model[p].region)
		return;
	uint32_t old = model[p].region, new = ++model_regions;
	for (; p < PAGES && model[p].region == old; p++)
		model[p].region = new;
}

static inline void model_drop(unsigned first, unsigned end)
{
	for (unsigned p = first; p < end; p++)
		model[p].entry = model[p].pfn = model[p].tag = 0;
}

static inline void model_unmap(unsigned first, unsigned end)
{
	model_cut(first);
	model_cut(end);
	memset(&model[first], 0, (end - first) * sizeof(model[0]));
}

static inline void model_protect(unsigned first, unsigned end, unsigned permissions)
{
	model_cut(first);
	model_cut(end);
	for (unsigned p = first; p < end; p++) {
		model[p].permissions = (uint8_t)permissions;
		model[p].entry &= ~(host_permissions(RWX) & ~host_permissions(permissions));
	}
}

static inline void model_move(unsigned first, unsigned end, unsigned to)
{
	static struct model_page moved[PAGES];
	memcpy(moved, &model[first], (end - first) * sizeof(model[0]));
	model_unmap(first, end);
	memcpy(&model[to], moved, (end - first) * sizeof(model[0]));
	uint32_t new = ++model_regions;
	for (unsigned p = to; p < to + (end - first); p++)
		model[p].region = new;
}

/* ---- Comparing ---------------------------------------------------------------------------- */

static inline void check_page(unsigned p)
{
	const struct model_page *m = &model[p];
	unsigned level;
	uint64_t leaf = leaf_at(page_hva(p), &level);

	if (leaf == 0 || m->entry == 0) {
		if (leaf != m->entry)
			model_fail(p, leaf ? "an entry too many" : "its entry is lost");
		return;
	}
	if ((leaf & ENTRY_FLAGS) != m->entry)
		model_fail(p, "the entry's flags differ");
	if (host_pfn_at(leaf, level, page_hva(p)).v != m->pfn)
		model_fail(p, "the pfn differs");
	if (host_type(leaf) != (m->entry & HOST_SPECIAL ? m->type : MEM_WRITE_BACK))
		model_fail(p, "the memory type differs");
	if (m->kind == REGION_ANON && *page_word(pfn(m->pfn)) != m->tag)
		model_fail(p, "the content differs");
}

static inline void check_range(unsigned first, unsigned end)
{
	for (unsigned p = first; p < end; p++)
		check_page(p);
}

static uint32_t expected_refs[RAM_PAGES], expected_pins[RAM_PAGES];

static inline void expect_ref(pfn_t n)
{
	expected_refs[frame_pfn(frame_head(frame_of(n))).v - WORLD_FIRST]++;
}

/* I1: every count has its holders, who can be named. */
static inline void check_counts(void)
{
	hva_t at = hva(0), end = hva(UINT64_C(1) << SPACE_BITS);
	unsigned level;
	uint64_t *entry;

	memset(expected_refs, 0, sizeof(expected_refs));
	memset(expected_pins, 0, sizeof(expected_pins));
	while (host_next(world.space.root, at, end, &at, &level, &entry)) {
		if (!(*entry & HOST_SPECIAL))
			expect_ref(host_pfn(*entry));
		at = hva(at.v + (PAGE_SIZE << host_order(level)));
	}
	if (world.space.zeros != NULL)
		expect_ref(frame_pfn(world.space.zeros));
	for (unsigned i = 0; i < SOURCES; i++)
		for (unsigned k = 0; sources[i].kind == SOURCE_MIXED && k < 64; k += 2)
			expect_ref(sources[i].frames[k]);
	for (unsigned i = 0; i < pin_count; i++) {
		expect_ref(pins[i]);
		expected_pins[frame_pfn(frame_head(frame_of(pins[i]))).v - WORLD_FIRST]++;
	}
	for (uint64_t i = 0; i < RAM_PAGES; i++) {
		struct frame *f = &frame_table[WORLD_FIRST + i];
		if (f->class != FRAME_COUNTED || f->tail != FRAME_HEAD)
			continue;
		if (f->refs != expected_refs[i] || f->pins != expected_pins[i])
			fail_msg("%s: frame %llu: %u references, %u pins, not %u and %u", doing,
				 (unsigned long long)(WORLD_FIRST + i), f->refs, f->pins,
				 expected_refs[i], expected_pins[i]);
	}
}

static inline void model_check(void)
{
	uint64_t counted = 0;

	check_range(0, PAGES);
	for (unsigned p = 0; p < PAGES; p++)
		counted += model[p].entry != 0 && !(model[p].entry & HOST_SPECIAL);
	assert_int_equal(world.space.counted, counted);
	check_counts();
	const char *wrong = block_check(); /* I5 */
	if (wrong != NULL)
		fail_msg("%s: %s", doing, wrong);
}

#endif
